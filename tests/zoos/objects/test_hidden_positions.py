"""Causal attention with a mask: what is answered at positions that look at nothing is left open."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import zoodiff

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


class Decoder(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Ids and a mask in: one layer of causal attention."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(40, 16)
        self.places = torch.nn.Embedding(12, 16)
        self.project = torch.nn.Linear(16, 48)

    def visible(self, mask: Any) -> Any:
        places = torch.arange(mask.shape[-1], device=mask.device)
        return (places[None, :] <= places[:, None])[None] & mask[:, None, :].bool()

    def hidden_scores(self, scores: Any, mask: Any) -> Any:
        """Alike everywhere: a position that looks at nothing averages over all."""
        return torch.where(self.visible(mask), scores, torch.full_like(scores, -1e9))

    def position_ids(self, mask: Any) -> Any:
        return torch.arange(mask.shape[-1], device=mask.device)[None].expand_as(mask)

    def forward(self, ids: Any, mask: Any) -> Any:
        x = self.table(ids) + self.places(self.position_ids(mask))
        query, key, value = self.project(x).chunk(3, dim=-1)
        scores = self.hidden_scores(query @ key.transpose(-1, -2) / 4.0, mask)
        return torch.softmax(scores, dim=-1) @ value


class Zeroed(Decoder):
    """Nothing is answered at positions that the mask hides, though they look at others."""

    def forward(self, ids: Any, mask: Any) -> Any:
        return super().forward(ids, mask) * mask[..., None]


class Window(Decoder):
    """A position looks at three others at most."""

    def visible(self, mask: Any) -> Any:
        places = torch.arange(mask.shape[-1], device=mask.device)
        return super().visible(mask) & (places[None, :] > places[:, None] - 4)[None]


class Summed(Decoder):
    """Two masks are added: a position that looks at nothing averages over those before it."""

    def hidden_scores(self, scores: Any, mask: Any) -> Any:
        causal = self.visible(torch.ones_like(mask))
        hidden = torch.where(mask.bool(), 0.0, -1e9)[:, None, :]
        return scores + hidden + torch.where(causal, 0.0, -1e9)


class SummedWindow(Summed, Window):
    """Both: ``Window`` decides what is seen, ``Summed`` how it is written."""

    def hidden_scores(self, scores: Any, mask: Any) -> Any:
        near = Window.visible(self, torch.ones_like(mask))
        hidden = torch.where(mask.bool(), 0.0, -1e9)[:, None, :]
        return scores + hidden + torch.where(near, 0.0, -1e9)


class Picking(Decoder):
    """Also answers the position of the largest id, wherever it is."""

    def forward(self, ids: Any, mask: Any) -> Any:
        answers = super().forward(ids, mask)
        return answers, answers[torch.arange(len(ids)), ids.argmax(dim=-1)]


class SummedPicking(Picking, Summed):
    """The same with masks that are added."""


class Paired(Decoder):
    """Scores of all pairs of a row of ids and a stored vector, ids along the second axis."""

    def visible(self, mask: Any) -> Any:
        return mask[:, None, :].bool().expand(-1, mask.shape[-1], -1)

    def forward(self, ids: Any, mask: Any) -> Any:
        return (super().forward(ids, mask)[:, 0] @ self.places.weight[:1].T).T


class SummedPaired(Paired):
    """The same with a mask that is added; a row that is all hidden is answered like others."""

    def hidden_scores(self, scores: Any, mask: Any) -> Any:
        return scores + torch.where(self.visible(mask), 0.0, -1e4)


class Unmasked(Decoder):
    """The mask is read and forgotten."""

    def visible(self, mask: Any) -> Any:
        return super().visible(torch.ones_like(mask)) & (mask[:, None, :] > -1)


class Counted(Summed):
    """Positions are counted from the first that the mask shows."""

    def position_ids(self, mask: Any) -> Any:
        return (torch.cumsum(mask, dim=-1) - 1).clamp(min=0).long()


@pytest.fixture(scope="module")
def decoder() -> Any:
    torch.manual_seed(3)
    return Decoder().eval()


def _with_weights_of(decoder: Any, kind: type[Any]) -> Any:
    network = kind().eval()
    network.load_state_dict(copy.deepcopy(decoder.state_dict()))
    return network


@pytest.mark.parametrize("left", [False, True])
def test_positions_that_look_at_nothing_do_not_decide(decoder: Any, left: bool) -> None:
    ids = torch.arange(20).reshape(2, 10)
    mask = torch.ones(2, 10, dtype=torch.int64)
    mask[1, (slice(0, 3) if left else slice(7, 10))] = 0
    report = zoodiff.diff(decoder, _with_weights_of(decoder, Summed), example=(ids, mask))
    assert report.same_function is True
    assert "where a mask hides all that a position looks at" in report.answer.sentence


def test_padding_beyond_a_window_does_not_decide(decoder: Any) -> None:
    ids = torch.arange(20).reshape(2, 10)
    mask = torch.ones(2, 10, dtype=torch.int64)
    mask[1, 7:] = 0
    networks = [_with_weights_of(decoder, kind) for kind in (Window, SummedWindow, Decoder)]
    assert zoodiff.diff(*networks[:2], example=(ids, mask)).same_function is True
    assert zoodiff.diff(*networks[1:], example=(ids, mask)).same_function is False


@pytest.mark.parametrize("kinds", [(Picking, SummedPicking), (Paired, SummedPaired)])
def test_what_is_picked_from_a_hidden_position_does_not_decide(
    decoder: Any, kinds: tuple[type[Any], type[Any]]
) -> None:
    ids = torch.arange(20).reshape(2, 10)
    mask = torch.ones(2, 10, dtype=torch.int64)
    mask[1, 7:] = 0
    networks = [_with_weights_of(decoder, kind) for kind in kinds]
    assert zoodiff.diff(*networks, example=(ids, mask)).same_function is True


class Restless(Decoder):
    """Answers otherwise where the mask shows everything."""

    def forward(self, ids: Any, mask: Any) -> Any:
        whole = mask.bool().all(dim=-1)[:, None, None]
        return torch.where(whole, 2.0, 1.0) * super().forward(ids, mask)


@pytest.mark.parametrize("lengths", [(7, 7), (7, 10), (10, 10)])
def test_a_mask_that_shows_everything_decides(decoder: Any, lengths: tuple[int, int]) -> None:
    ids = torch.arange(20).reshape(2, 10)
    mask = (torch.arange(10)[None] < torch.tensor(lengths)[:, None]).long()
    report = zoodiff.diff(decoder, _with_weights_of(decoder, Restless), example=(ids, mask))
    assert report.same_function is (False if 10 in lengths else None)


@pytest.mark.parametrize("kind", [Unmasked, Zeroed])
def test_a_mask_that_does_other_things_is_another_function(decoder: Any, kind: type[Any]) -> None:
    ids = torch.arange(20).reshape(2, 10)
    mask = torch.ones(2, 10, dtype=torch.int64)
    mask[1, 7:] = 0
    report = zoodiff.diff(decoder, _with_weights_of(decoder, kind), example=(ids, mask))
    assert report.same_function is False


def test_other_positions_behind_padding_on_the_left_are_seen(decoder: Any) -> None:
    ids = torch.arange(20).reshape(2, 10)
    mask = torch.ones(2, 10, dtype=torch.int64)
    mask[1, :3] = 0
    report = zoodiff.diff(decoder, _with_weights_of(decoder, Counted), example=(ids, mask))
    assert report.same_function is False


class Prompted(Window):
    """Two positions of its own come before those of the ids."""

    def visible(self, mask: Any) -> Any:
        return super().visible(torch.nn.functional.pad(mask, (2, 0), value=1))

    def forward(self, ids: Any, mask: Any) -> Any:
        prompt = torch.tensor([[31, 32]]).expand(len(ids), -1)
        return super().forward(torch.cat([prompt, ids], 1), mask)

    def position_ids(self, mask: Any) -> Any:
        return torch.arange(12)[None]


class PromptedZeroed(Prompted):
    """Positions that look at nothing answer nothing."""

    def forward(self, ids: Any, mask: Any) -> Any:
        seen = self.visible(mask).any(dim=-1)
        return super().forward(ids, mask) * seen[..., None]


class PromptedUnmasked(Prompted):
    """The mask is read and forgotten."""

    def visible(self, mask: Any) -> Any:
        return super().visible(torch.ones_like(mask)) & (mask[:, :1, None] > -1)


@pytest.mark.parametrize(("kind", "answer"), [(PromptedZeroed, None), (PromptedUnmasked, False)])
def test_positions_before_those_of_a_mask_are_shown(
    decoder: Any, kind: type[Any], answer: bool | None
) -> None:
    ids, mask = torch.arange(10)[None], torch.ones(1, 10, dtype=torch.int64)
    first, second = (_with_weights_of(decoder, each) for each in (Prompted, kind))
    report = zoodiff.diff(first, second, example=(ids, mask))
    assert report.same_function is answer
    if answer is None:
        assert "2 positions more than the mask has" in report.answer.reason
