"""Recipes of papers by values of other implementations, each with the recipe's own settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from resight.arrays import Array
from resight.descriptors.methods.rmac import Rmac
from resight.features.image_maps import ImageMaps
from resight.manifold.graph import nearest_neighbours
from resight.manifold.kinds import Diffusion
from resight.manifold.solving import open_solver
from resight.recipe import load_recipe, recipes
from resight.rerank.alpha_expansion import expanded_query
from resight.rerank.kinds import AlphaExpansion
from resight.search.looks import Neighbourhoods

Golden = Callable[[str], Mapping[str, Any]]
pytestmark = pytest.mark.golden


def stages(kind: type[Any]) -> list[tuple[str, Any]]:
    loaded = [(one.name, load_recipe(one.name)) for one in recipes()]
    return [(name, stage) for name, recipe in loaded for stage in recipe.rerank if isinstance(stage, kind)]


def test_the_codes_rmac_is_that_of_the_recipe(golden: Golden) -> None:
    method = load_recipe("rmac-cirtorch-vgg16").channel["main"].method
    assert isinstance(method, Rmac)
    values = golden("pooling")
    for case in range(int(values["n_cases"])):
        maps = torch.from_numpy(values[f"case{case}_x"])
        _, height, width = maps.shape
        found = method.describe(ImageMaps((maps,), (None,), (width, height), ((width, height),)), None, {})
        np.testing.assert_allclose(found, values[f"case{case}_rmac_cirtorch_l2"], atol=2e-6)
        assert np.abs(found - values[f"case{case}_rmac_paper"]).max() > 5e-4


def test_queries_are_expanded_by_as_many_images_and_the_power_that_a_recipe_says(golden: Golden) -> None:
    values = golden("expansion")
    compared = set()
    for name, stage in stages(AlphaExpansion):
        key = f"{'aqe' if stage.alpha == 0 else f'alphaqe{stage.alpha:g}'}_k{stage.top}"
        cases = [case for case in range(int(values["n_cases"])) if f"case{case}_{key}" in values]
        assert cases, f"{name}: there is no golden value of {key}"
        for case in cases:
            expected = values[f"case{case}_{key}"]
            database = values[f"case{case}_database"]
            for query, wanted in zip(values[f"case{case}_queries"], expected, strict=True):
                similarities = database @ query
                near = np.argsort(-similarities)[: stage.top]
                found = expanded_query(query, database[near], similarities[near], stage.alpha)
                np.testing.assert_allclose(found, wanted, atol=1e-7)
        compared.add(key)
    assert compared == {"aqe_k5", "aqe_k10", "alphaqe3_k50"}


@dataclass(frozen=True)
class Case:
    """A graph of golden values, with the constants of a recipe but for those that the file has."""

    values: Mapping[str, Any]
    number: int
    stage: Diffusion
    solve: Callable[[Array, Array], Array] = field(init=False)

    def __post_init__(self) -> None:
        constants = {"k": int(self["k"]), "query_k": int(self["kq"])}
        if self.stage.solver == "offline":
            constants["truncation"] = int(self["offline_truncation"])
        stage = self.stage.model_copy(update=constants)
        near = nearest_neighbours(self["x"].astype(np.float32), stage.listed)
        graph = Neighbourhoods(np.arange(len(near)), near.ids, near.similarities)
        object.__setattr__(self, "solve", open_solver(graph, stage))

    def __getitem__(self, name: str) -> Any:
        return self.values[f"case{self.number}_{name}"]


def solver(name: str) -> Diffusion:
    ((_, stage),) = [one for one in stages(Diffusion) if one[0] == name]
    assert isinstance(stage, Diffusion)
    return stage


def test_offline_diffusion_of_a_recipe(golden: Golden) -> None:
    values = golden("diffusion")
    for number in range(int(values["n_cases"])):
        case = Case(values, number, solver("rmac-offline-diffusion"))
        for row, ids, scores in zip(case["offline_rows"], case["offline_ids"], case["offline_values"], strict=True):
            y = np.zeros(len(case["x"]))
            y[row] = 1.0
            expected = np.zeros(len(y))
            expected[ids] = 0.01 * scores
            tolerance = 1e-4 if case["kind"] == "banana" else 1e-5
            np.testing.assert_allclose(case.solve(y, np.arange(len(y))), expected, atol=tolerance * expected.max())


def test_fast_spectral_ranking_of_a_recipe(golden: Golden) -> None:
    values = golden("diffusion")
    for number in range(int(values["n_cases"])):
        for rank in values[f"case{number}_fsr_ranks"].tolist():
            stage = solver("rmac-regional-spectral").model_copy(update={"rank": rank})
            case = Case(values, number, stage)
            for y, wanted in zip(case["unseen_y"], case[f"fsr_r{rank}"], strict=True):
                found = case.solve(y, np.arange(len(y)))
                reached = found != 0
                assert reached[y > 0].any()
                np.testing.assert_allclose(found[reached], wanted[reached], atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["rmac-diffusion", "rmac-regional-diffusion"])
def test_diffusion_of_a_recipe(name: str, golden: Golden) -> None:
    values = golden("diffusion")
    for number in range(int(values["n_cases"])):
        case = Case(values, number, solver(name))
        for y, wanted in zip(case["unseen_y"], case["unseen_cg20"], strict=True):
            found = case.solve(y, np.arange(len(y)))
            np.testing.assert_allclose(found, 0.01 * wanted, atol=1e-4 * 0.01 * wanted.max())
