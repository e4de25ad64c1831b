from pathlib import Path

import pytest
from PIL import Image

from zoodiff.errors import StudyError
from zoodiff.study import config
from zoodiff.study.plan import TOGETHER, plan
from zoodiff.zoos import registry

GOOD = """\
name = "mine"
title = "A study"

[architecture]
entries = ["fake:small"]

[latency]
architectures = ["small_net"]
threads = 2
"""


def test_a_good_study_is_read_and_hashed() -> None:
    loaded = config.parse(GOOD)
    assert loaded.study.latency is not None
    assert loaded.study.latency.threads == 2
    assert loaded.sha256 != config.parse(GOOD + "\n").sha256


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("threads", "threds"), r'line 9: unknown key "latency.threds"; did you mean threads\?'),
        (("[latency]", "[latencey]"), r'line 7: unknown key "latencey"; did you mean latency\?'),
        (("threads = 2", "threads = 0"), r"line 9: latency\.threads = 0 is not valid"),
        (("threads = 2", 'threads = "two"'), r"line 9: latency\.threads = 'two' is not valid"),
        (('title = "A study"\n', ""), r'the key "title" is missing'),
        (('name = "mine"', 'name = "../evil"'), r"line 1: name = '\.\./evil' is not valid"),
        (('name = "mine"', "name = mine"), r"is not TOML: .*line 1"),
        (('"A study"', '"A study'), r"is not TOML"),
    ],
)
def test_a_typo_is_named_with_its_line(change: tuple[str, str], sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        config.parse(GOOD.replace(*change))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("fake:small", "fake:smal"), r"line 5: no entry `fake:smal`; did you mean small"),
        (("fake:small", "fak:small"), r'line 5: no zoo "fak"; did you mean fake'),
        (("fake:small", "small"), r'line 5: "small" is not an entry'),
        (
            ("fake:small", "fake:small@w2"),
            r'line 5: fake:small has no weights "w2"; there are w1, random',
        ),
        (('"small_net"', '"smal_net"'), r'line 8: no architecture "smal_net".*small_net'),
    ],
)
def test_an_unknown_name_is_found_when_planning(
    fake_zoo, change: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(StudyError, match=sentence):
        plan(config.parse(GOOD.replace(*change)))


def test_unknown_studies_are_named_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no study file .*quick"):
        config.load_study(str(tmp_path / "none.toml"))
    with pytest.raises(StudyError, match=r'no study "quik"; did you mean quick'):
        config.load_study("quik")


def test_bytes_that_are_no_text_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(StudyError, match="must be UTF-8"):
        config.load_study(str(tmp_path / "x.toml"))


def test_every_built_in_study_reads_and_plans() -> None:
    assert {"quick", "fse2022"} <= set(config.built_in())
    for name in config.built_in():
        assert config.load_study(name).study.name == name


def test_a_plan_takes_every_entry_once_and_its_keys_tell_conditions_apart(fake_zoo) -> None:
    loaded = config.parse(GOOD)
    tasks = plan(loaded).tasks
    assert [t.kind for t in tasks] == ["architecture", "latency"]
    assert [str(e.ref) for e in tasks[1].entries] == ["fake:small@w1", "other:small@w1"]
    other = plan(config.parse(GOOD.replace("threads = 2", "threads = 1"))).tasks
    entry = tasks[1].entries[0]
    assert tasks[1].key(entry) != other[1].key(entry)
    assert tasks[1].key(entry) != tasks[1].key(entry, repeat=1)
    assert tasks[0].key(entry) == other[0].key(entry)


def test_entries_that_need_a_file_wait_for_permission_unless_they_are_named(
    fake_zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    models = [replace(m, needs_file=m.name == "small") for m in fake_zoo.models()]
    monkeypatch.setattr(type(fake_zoo), "models", lambda self: models)
    text = 'name = "n"\ntitle = "t"\n[architecture]\narchitectures = ["small_net", "wide_net"]\n'
    found = plan(config.parse(text))
    described = [t for t in found.tasks if t.kind == "architecture"]
    assert [str(t.entries[0].ref) for t in described] == ["fake:wide@w1", "other:wide@w1"]
    assert [f.entry for f in found.left_out] == ["fake:small@w1", "other:small@w1"]
    assert "--download" in found.left_out[0].reason
    allowed = plan(config.with_download(config.parse(text)))
    assert [t.kind for t in allowed.tasks] == [*["architecture"] * 4, *["difference"] * 2]
    assert allowed.left_out == ()
    named = plan(config.parse(text + 'entries = ["fake:small"]\n'))
    assert [f.entry for f in named.left_out] == ["other:small@w1"]


def test_a_typo_among_the_rules_for_claims_is_named_with_its_line() -> None:
    with pytest.raises(StudyError, match=r"line 12.*as_off.*did you mean as_of"):
        config.parse(GOOD + '\n[claims]\nas_off = "2022-03-31"\n')


def test_many_entries_see_the_images_in_several_passes(tmp_path: Path) -> None:
    place = tmp_path / "data" / "0" / "a.png"
    place.parent.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(place)
    names = [f'"torchvision:{name}"' for name in list(registry.models("torchvision"))[:20]]
    names.insert(3, '"keras:VGG16"')
    path = tmp_path / "study.toml"
    path.write_text(
        f'name = "n"\ntitle = "t"\n[accuracy]\ndata = "data"\nentries = [{", ".join(names)}]\n'
    )
    tasks = plan(config.load_study(str(path))).tasks
    assert [len(task.entries) for task in tasks] == [TOGETHER, 21 - TOGETHER]
    assert str(tasks[0].entries[0].ref).startswith("keras:VGG16")  # zoo by zoo
    assert len({task.label for task in tasks}) == 2
