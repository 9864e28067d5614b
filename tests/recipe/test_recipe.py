from __future__ import annotations

from pathlib import Path

import pytest

from resight.errors import RecipeError
from resight.recipe import (
    ALIASES,
    DEFAULT,
    load_recipe,
    parse_recipe,
    recipe_folder,
    recipe_text,
    recipes,
)
from resight.words.kinds import Bow

BOW = '[words]\nkind = "bow"\n'
VLAD = '[descriptor]\nkind = "vlad"\n'
NAMED = '[channel.cnn.words]\nkind = "bow"\n'


def refusal(text: str) -> str:
    with pytest.raises(RecipeError) as refused:
        parse_recipe(f'name = "x"\n{text}', "r.toml")
    message = str(refused.value)
    assert message.startswith("r.toml: ")
    return message.removeprefix("r.toml: ")


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        (f"sead = 3\n{BOW}", "sead", "seed"),
        (f"[feature]\n{BOW}", "feature", "features"),
        ('[word]\nkind = "bow"', "word", "words"),
        (f"[features]\nkind = 'sift'\nmaxfeatures = 3\n{BOW}", "features.maxfeatures", "features.max_features"),
        (f"{BOW}sise = 3", "words.sise", "words.size"),
        ('[descriptor]\nkind = "vlad"\npowr = 0.5', "descriptor.powr", "descriptor.power"),
        ('[match]\nkind = "exhaustive"\nratoi = 0.5', "match.ratoi", "match.ratio"),
        (f"{NAMED}sise = 3", "channel.cnn.words.sise", "channel.cnn.words.size"),
        (f"[channel.cnn.wrds]\n{NAMED}", "channel.cnn.wrds", "channel.cnn.words"),
        (
            f"[channel.cnn.features]\nkind = 'sift'\nmax_sid = 3\n{NAMED}",
            "channel.cnn.features.max_sid",
            "channel.cnn.features.max_side",
        ),
        ('[channel.words.words]\nkind = "bow"\nsise = 3', "channel.words.words.sise", "channel.words.words.size"),
        (f'{BOW}[[rerank]]\nkind = "spatial"\ntpo = 3', "rerank[0].tpo", "rerank[0].top"),
        (
            f'{BOW}[[rerank]]\nkind = "spatial"\n[[rerank]]\nkind = "chain"\nreech = 3',
            "rerank[1].reech",
            "rerank[1].reach",
        ),
        (
            f'{BOW}[augmentation]\nkind = "verified"\nneighbors = 3',
            "augmentation.neighbors",
            "augmentation.neighbours",
        ),
        (
            f'{BOW}[[rerank]]\nkind = "alpha-expansion"\nalfa = 3',
            "rerank[0].alfa",
            "rerank[0].alpha",
        ),
        ('[descriptor]\nkind = "superglobal"\npp = 3', "descriptor.pp", "descriptor.p"),
        (f'{VLAD}[[rerank]]\nkind = "superglobal"\ntpo = 3', "rerank[0].tpo", "rerank[0].top"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_valid_one(text: str, key: str, nearest: str) -> None:
    assert refusal(text) == f'unknown key "{key}"; the nearest valid one is "{nearest}"'


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ('[words]\nkind = "asmkk"', "words", 'there is no kind "asmkk"; the nearest is "asmk"'),
        ('[descriptor]\nkind = "fischer"', "descriptor", 'there is no kind "fischer"; the nearest is "fisher"'),
        (f'{BOW}[[rerank]]\nkind = "spacial"', "rerank[0]", 'there is no kind "spacial"; the nearest is "spatial"'),
        ("[words]\nsize = 3", "words", 'it needs a "kind", one of asmk, blcf, bow, hamming'),
        ("[descriptor]\nsize = 3", "descriptor", 'it needs a "kind", one of '),
        (f"{BOW}[[rerank]]\ntop = 3", "rerank[0]", 'it needs a "kind", one of alpha-expansion, chain, diffusion, '),
        (f"{BOW}[augmentation]\nneighbours = 3", "augmentation", 'it needs a "kind", one of alpha, verified'),
        (f'{BOW}[augmentation]\nkind = "alfa"', "augmentation", 'there is no kind "alfa"; the nearest is "alpha"'),
        (f'[features]\nkind = "siftt"\n{BOW}', "features", 'there is no kind "siftt"; the nearest is "sift"'),
    ],
)
def test_a_wrong_kind_is_named_with_the_nearest(text: str, key: str, said: str) -> None:
    message = refusal(text)
    assert message.startswith(f"{key}: ")
    assert said in message


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (f"{BOW}size = 1", "words.size", "must be at least 2, not 1"),
        (f'{BOW}size = "many"', "words.size", "not 'many'"),
        (f'{BOW}tf = "rawr"', "words.tf", "'raw', 'clipped' or 'sqrt', not 'rawr'"),
        (f"seed = -1\n{BOW}", "seed", "must be at least 0, not -1"),
        (f"{NAMED}size = 1", "channel.cnn.words.size", "not 1"),
        (f'{BOW}[[rerank]]\nkind = "spatial"\ntolerance = 2.0', "rerank[0].tolerance", "must be below 1, not 2.0"),
        ("words = 3", "words", "must be a table, [words]"),
        ("channel = 3", "channel", "must be a table, [channel]"),
        (f'{BOW}[rerank]\nkind = "spatial"', "rerank", "must be a list of tables, [[rerank]]"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_key(text: str, key: str, said: str) -> None:
    message = refusal(text)
    assert message.startswith(f"{key}: ")
    assert said in message


def test_a_list_of_numbers_is_no_list_of_tables() -> None:
    network = 'network = "alexnet"\ncheckpoint.source = "random"\nlayer = "conv5"\n'
    message = refusal(f'[features]\nkind = "maps"\n{network}scales = 3\n[descriptor]\nkind = "gem"\n')
    assert message == "features.scales: must be a list"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a recipe has a channel"),
        ("[features]\nkind = 'sift'\nmax_side = 500", "exactly one of words, descriptor and match"),
        (f'{BOW}[descriptor]\nkind = "vlad"', "exactly one of words, descriptor and match"),
        (
            f"{NAMED}[channel.sift.words]\nkind = 'bow'",
            "the channels cnn, sift need one stage that joins their rankings, and there are 0",
        ),
        (f"{BOW}{NAMED}", '"words" stands beside "channel"'),
        ('[channel."a b".words]\nkind = "bow"', 'channel "a b": name it with letters'),
        (f'{BOW}[[rerank]]\nkind = "spatial"\nchannel = "cnn"', 'names channel "cnn"; the recipe has main'),
        ('[descriptor]\nkind = "vlad"\n[[rerank]]\nkind = "spatial"', '"spatial" needs words'),
        ('[words]\nkind = "asmk"\n[[rerank]]\nkind = "discriminative"', '"discriminative" needs bags of words or'),
        (f'{VLAD}[[rerank]]\nkind = "expansion"', '"expansion" needs bags of words, and channel "main" has none'),
        (
            '[match]\nkind = "exhaustive"\n[[rerank]]\nkind = "alpha-expansion"',
            '"alpha-expansion" needs bags of words or one vector an image or a vector a region, and channel "main" has',
        ),
        (
            f'{BOW}[[rerank]]\nkind = "k-reciprocal"',
            '"k-reciprocal" needs one vector an image, and channel "main" has none',
        ),
        (f'{BOW}[[rerank]]\nkind = "superglobal"', '"superglobal" needs one vector an image'),
        (f'{BOW}[augmentation]\nkind = "alpha"', 'augmentation "alpha" needs one vector an image'),
        (f'{VLAD}[augmentation]\nkind = "verified"', 'augmentation "verified" needs bags of words'),
        (f'{VLAD}[[rerank]]\nkind = "discriminative"\nmin_inliers = 9', "counts inliers of words only"),
        ("[words\n", "not TOML"),
    ],
)
def test_a_recipe_that_makes_no_sense(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize("scores", ["given", "deviation", "norm", "maximum"])
def test_scores_below_0_have_no_product(scores: str) -> None:
    two = f"{NAMED}[channel.sift.words]\nkind = 'bow'\n[[rerank]]\nkind = 'fusion'\n"
    entry = f"channels.sift = {{ scores = '{scores}' }}\n"
    parse_recipe(f"name = 'x'\n{two}{entry}", "r.toml")
    said = refusal(f"{two}method = 'product'\n{entry}")
    assert said.startswith(f'rerank[0]: scores = "{scores}" of channel "sift" may be below 0')
    assert 'choose "rank", "range", "power" or "confidence", or method = "sum"' in said


@pytest.mark.parametrize("scores", ["range", "rank", "power", "confidence"])
def test_scores_that_have_a_product(scores: str) -> None:
    two = f"{NAMED}[channel.sift.words]\nkind = 'bow'\n[[rerank]]\nkind = 'fusion'\nmethod = 'product'\n"
    parse_recipe(f"name = 'x'\n{two}channels.sift = {{ scores = '{scores}' }}", "r.toml")


def test_a_recipe_without_a_name() -> None:
    with pytest.raises(RecipeError, match=r'r\.toml: "name" is missing'):
        parse_recipe(BOW, "r.toml")


def test_an_only_channel_needs_no_name() -> None:
    unnamed = parse_recipe(f'name = "x"\n{BOW}size = 7\n[[rerank]]\nkind = "spatial"', "r.toml")
    assert list(unnamed.channel) == ["main"]
    method = unnamed.channel["main"].method
    assert isinstance(method, Bow)
    assert method.size == 7
    assert unnamed.channel_of(unnamed.rerank[0]) == "main"
    named = parse_recipe(f'name = "x"\n{NAMED}[[rerank]]\nkind = "spatial"\nchannel = "cnn"', "r.toml")
    assert named.channel_of(named.rerank[0]) == "cnn"


def test_every_recipe_that_ships_is_valid_and_described() -> None:
    listed = recipes()
    assert {one.alias: one.name for one in listed if one.alias} == dict(ALIASES)
    for one in listed:
        assert load_recipe(one.name).name == one.name
        assert one.summary
        assert one.paper
        assert set(one.to_dict()) == {"name", "summary", "paper", "needs", "checked_by", "alias"}


@pytest.mark.parametrize("features", ["gem-resnet101", "gem-mobilenet"])
def test_recipes_that_look_again_have_the_features_of_the_plain_one(features: str) -> None:
    name = features.removesuffix("-resnet101")
    plain, expanded, augmented = (load_recipe(one) for one in (features, f"{name}-alpha-qe", f"{name}-dba"))
    assert plain.channel == expanded.channel == augmented.channel
    assert [(stage.kind, stage.top) for stage in expanded.rerank] == [("alpha-expansion", 50)]
    assert augmented.augmentation is not None
    assert augmented.augmentation.kind == "alpha"
    assert (expanded.augmentation, augmented.rerank) == (None, ())


def test_a_recipe_that_does_not_ship_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match='no recipe "sift-asmc"; the nearest is "sift-asmk"'):
        load_recipe("sift-asmc")


def test_a_byte_order_mark_before_a_recipe_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(recipe_text("sift-bow"), encoding="utf-8-sig")
    assert load_recipe(path) == load_recipe("sift-bow")


def test_a_path_is_a_file_and_its_folder_counts(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises(RecipeError, match=r"mine\.toml: this recipe cannot be read"):
        recipe_text(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match=r"mine\.toml: this recipe cannot be read"):
        recipe_text(str(path))
    path.write_text(f'name = "mine"\n{BOW}')
    assert load_recipe(path) == load_recipe(str(path))
    assert recipe_folder(path) == recipe_folder(str(path)) == tmp_path
    assert recipe_folder(DEFAULT) == Path()


NETWORK = """
[features]
kind = "{}"
network = "alexnet"
layer = "conv5"
[features.checkpoint]
source = "random"
"""
LOCAL = (
    *(f"[words]\nkind = '{kind}'" for kind in ("bow", "asmk", "hamming")),
    *(f"[descriptor]\nkind = '{kind}'" for kind in ("vlad", "fisher")),
)
MATCH = ("[match]\nkind = 'exhaustive'",)
POOLED = tuple(
    f"[descriptor]\nkind = '{kind}'" for kind in ("mac", "spoc", "gem", "crow", "rmac", "superglobal", "regions")
)
CODES = tuple(f"[descriptor]\nkind = '{kind}'" for kind in ("codes", "region-codes"))
MOP = ("[descriptor]\nkind = 'mop'",)


@pytest.mark.parametrize("stage", ["alpha-expansion", "discriminative", "k-reciprocal", "superglobal"])
def test_what_has_one_vector_an_image_can_be_looked_at_again(stage: str) -> None:
    second = f"[augmentation]\nkind = 'alpha'\n[[rerank]]\nkind = '{stage}'"
    for features, methods in (
        ("", LOCAL[3:]),
        (NETWORK.format("maps"), POOLED[:-1]),
        (NETWORK.format("codes"), CODES[:1]),
    ):
        for method in methods:
            parse_recipe(f'name = "x"\n{features}{method}\n{second}', "r.toml")
    for features, method in ((NETWORK.format("maps"), POOLED[-1]), (NETWORK.format("codes"), CODES[1])):
        assert "and channel" in refusal(f"{features}{method}\n{second}")


@pytest.mark.parametrize(
    ("features", "suitable"),
    [
        ("", LOCAL + MATCH),
        (NETWORK.format("convolutional"), LOCAL),
        (NETWORK.format("maps"), POOLED),
        (NETWORK.format("codes"), CODES),
        (NETWORK.format("codes").replace("layer", 'regions = "patches"\nlayer'), CODES + MOP),
    ],
    ids=("sift", "convolutional", "maps", "codes", "patches"),
)
def test_only_what_can_be_made_of_features_is_made_of_them(features: str, suitable: tuple[str, ...]) -> None:
    for method in LOCAL + MATCH + POOLED + CODES + MOP:
        if method in suitable:
            parse_recipe(f'name = "x"\n{features}{method}', "r.toml")
        else:
            said = refusal(features + method)
            assert "cannot be made of features of kind" in said or "is made of patches" in said
