from __future__ import annotations

from types import ModuleType

from zoodiff.report.page import page
from zoodiff.report.sections import mismatches
from zoodiff.report.sections.entries import EntryRow, entry_rows
from zoodiff.report.words.conditions import conditions
from zoodiff.study.result import StudyResult


def _row(result: StudyResult, entry: str) -> EntryRow:
    return next(row for row in entry_rows(result) if row.entry == entry)


def test_the_summary_counts_what_the_result_lists(result: StudyResult) -> None:
    text = " ".join(page(result).summary)
    assert "21 entries of 7 architectures from 9 zoos were measured" in text
    assert "claims of 92 entries of 36 architectures" in text
    assert "2.62 percentage points (vgg19)" in text
    assert "Of 6 pairs of entries run on the same images, 3 differ" in text
    assert "131 % (alexnet)" in text
    assert "11 measurements could not be made" in text


def test_rankings_show_the_top_and_fold_the_rest(result: StudyResult) -> None:
    printed = page(result)
    for ranking, rows in ((printed.accuracy, 6), (printed.latency, 7)):
        assert len(ranking.first) == result.top
        assert len(ranking.others) == rows - result.top
        assert [row.rank for row in (*ranking.first, *ranking.others)] == list(range(1, rows + 1))


def test_random_and_placeholder_weights_are_marked_and_others_not(result: StudyResult) -> None:
    sides = [side for row in page(result).latency.first for side in row.sides]
    sides += [side for row in page(result).accuracy.first for side in row.sides]
    marked = {side.weights.word: side.weights.marked for side in sides}
    assert marked == {"random": True, "placeholder": True, "trained": False}


def test_counts_join_the_row_of_the_weights_that_were_timed(result: StudyResult) -> None:
    row = _row(result, "torchvision:resnet50@random")
    assert row.parameters.exact is not None and row.parameters.exact.startswith("25,557,032 ")
    assert str(row.latency[0]) == "52.1 [51.3, 53.4]"
    assert "torchvision:resnet50@default" not in {r.entry for r in entry_rows(result)}


def test_the_control_copy_has_no_row_of_its_own(result: StudyResult) -> None:
    assert len(_row(result, "torchvision:alexnet@random").latency) == 1


def test_a_failure_shows_in_the_row_of_its_model(result: StudyResult) -> None:
    assert _row(result, "torchvision:vgg19@random").top1[0].text == "failed"
    # It failed with random weights, which have no row; the model's row says so.
    assert _row(result, "tfmg:slim/resnet_v1_50@default").latency[0].text == "failed"
    assert _row(result, "onnx:light_vgg19@default").latency[0].text != "failed"


def test_a_zoo_may_count_statistics_as_parameters(result: StudyResult) -> None:
    row = _row(result, "keras:ResNet50@random")
    assert row.check is None
    assert "25,636,712" in (row.parameters.exact or "")


def test_a_count_that_is_not_the_zoos_is_marked(result: StudyResult) -> None:
    records = list(result.records)
    index = next(i for i, r in enumerate(records) if r.entry == "keras:VGG19@default")
    other = records[index].values.model_copy(update={"published_parameters": 1})
    records[index] = records[index].model_copy(update={"values": other})
    row = _row(result.model_copy(update={"records": records}), "keras:VGG19@random")
    assert row.check == "the zoo publishes 1"


def test_cells_differ_from_the_commonest_or_all_where_none_is(result: StudyResult) -> None:
    tables = {table.architecture: table for table in mismatches.tables(result)}
    rows = {row.name: row for row in tables["alexnet"].rows}
    assert [c.differs for c in rows["softmax inside"].cells] == [False, True, False]
    assert [c.letter for c in rows["softmax inside"].cells] == ["A", "B", "A"]
    assert [c.differs for c in rows["parameters"].cells] == [True, True, True]


def test_inferred_rules_are_marked(result: StudyResult) -> None:
    rules = page(result).rules
    assert [rule.inferred for rule in rules] == [False, True, True]
    assert rules[1].text == "Of several weights, those that were published first are taken."


def test_failures_of_one_reason_share_a_row(result: StudyResult) -> None:
    reasons = page(result).reasons
    assert [len(reason.entries) for reason in reasons] == [9, 1, 1]


def test_noise_of_another_run_is_not_drawn(result: StudyResult, examples: ModuleType) -> None:
    control = result.controls[0]
    stranger = control.model_copy(update={"entry": "keras:VGG19@random", "noise_percent": 40.0})
    two = result.model_copy(update={"controls": [control, stranger]})
    assert page(two).latency.first[0].chart == page(result).latency.first[0].chart
    none = result.model_copy(update={"controls": []})
    assert "noise" in page(result).latency.first[0].chart
    assert "noise" not in page(none).latency.first[0].chart


def test_conditions_say_what_all_share_and_what_differs(result: StudyResult) -> None:
    assert "threads 1" in page(result).latency.conditions
    records = [
        r.model_copy(update={"conditions": {"calls_a_block": i}})
        for i, r in enumerate(result.records[:6])
    ]
    assert conditions(records) == ("calls a block differing by entry",)


def test_empty_sections_say_why(result: StudyResult, empty: StudyResult) -> None:
    printed = page(empty)
    assert printed.claimed.empty == "This study does not compare claims."
    assert printed.latency.empty == "This study measures no latency."
    apart = page(result.model_copy(update={"latency": []})).latency.empty
    assert apart is not None and "no two of them share an architecture" in apart
    failed = page(empty.model_copy(update={"failures": result.failures})).accuracy.empty
    assert failed is not None and "10 attempts failed" in failed
    halted = page(empty.model_copy(update={"complete": False})).latency.empty
    assert halted is not None and "not complete" in halted


def test_records_of_another_machine_are_not_hidden(result: StudyResult) -> None:
    other = result.hardware.model_copy(update={"processor": "Another"})
    first = result.records[0].model_copy(update={"hardware": other})
    printed = page(result.model_copy(update={"records": [first, *result.records[1:]]}))
    assert [name for name, _ in printed.hardware] == [
        "This run",
        "Earlier measurements that were taken over",
    ]
