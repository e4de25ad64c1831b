"""The values of a record of the recipes under one name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zoodiff.results import Strict


class LevelsValues(Strict):
    """The size of a difference in levels of a pixel, of 0 to 255."""

    images: int
    mean_levels: float
    p99_levels: float
    max_levels: float


class RecipeValues(Strict):
    """A distinct recipe of one zoo."""

    letter: str
    """The same letter means the same pixels; A is that of the most weights."""
    zoo: str
    processor: str
    """The name among several of the same weights; empty for the only one."""
    entries: list[str]
    """References of the weights that publish it."""
    sentence: str
    partial: bool
    """Whether the zoo leaves a step open."""
    own_code: str
    """What the zoo's code makes; see ``zoodiff.recipes.by_name.OwnCode``."""
    failed_images: int


class RecipeCauseValues(Strict):
    """A step in which two recipes differ, with the size of its effect alone."""

    codes: list[str]
    step: str
    first: str
    second: str
    alone: LevelsValues | None
    """None if its exchange changes the size of the input."""


class RecipePairValues(Strict):
    """Two recipes of different letters, by their places in the list of recipes."""

    first: int
    second: int
    same: bool
    """Whether the pixels are the same in what both state."""
    whole: LevelsValues | None
    """None if the inputs have other shapes."""
    causes: list[RecipeCauseValues] = Field(default_factory=list)
    unstated: list[str] = Field(default_factory=list)
    explained: bool = True


class RecipeFindingValues(Strict):
    """A recipe that is not what is stated of it."""

    code: str
    sentence: str


class RecipesValues(Strict):
    """The recipes of all weights under a name, run on images and compared in pixels."""

    kind: Literal["recipes"] = "recipes"
    images: int
    recipes: list[RecipeValues]
    pairs: list[RecipePairValues]
    """One pair of each two letters."""
    different: int
    """Number of recipes that differ in pixels, in what they state."""
    unpublished: int
    """Number of weights without any published preprocessing."""
    findings: list[RecipeFindingValues] = Field(default_factory=list)
    absent: dict[str, str] = Field(default_factory=dict)
    """Recipes that are not on this machine, by reference, each with what gets it."""
    failures: dict[str, str] = Field(default_factory=dict)
    """What could not be run, with the reason."""
    seconds: float
    """Mean time per name of the names that were audited together."""
