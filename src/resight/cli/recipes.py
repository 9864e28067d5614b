"""Lists the recipes."""

from __future__ import annotations

from typing import Annotated

import typer

from resight.cli.output import print_json, print_table


def recipes(as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False) -> None:
    """List the recipes, their requirements, and how each is checked."""
    from resight.recipe import recipes as shipped

    listed = shipped()
    if as_json:
        print_json({"recipes": [one.to_dict() for one in listed]})
        return
    rows = [(one.name, one.alias, one.needs, one.checked_by, one.summary) for one in listed]
    print_table(("recipe", "alias", "needs", "checked by", "what it is"), rows)
