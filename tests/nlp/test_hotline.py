from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from nlp.__main__ import main
from nlp.hotline import BadMessages, read_messages, train_target
from nlp.linear import BrokenModel, Linear
from nlp.segment import Segmenter

MATTERS = {
    "城乡建设": ("路灯", "自来水", "小区物业", "违章建筑", "下水道", "电梯"),
    "教育": ("小学", "老师", "补课", "学费", "幼儿园", "校车"),
    "交通": ("公交车", "出租车", "红绿灯", "停车", "班车", "客运站"),
}
OFFICES = {"城乡建设": "市住房和城乡建设局", "教育": "市教育局", "交通": "市交通运输局"}


def csv_of(count: int = 80, seed: int = 3) -> str:
    rng = random.Random(seed)
    lines = ["title,body,category,department"]
    for at in range(count):
        category = rng.choice(list(MATTERS))
        first, second = rng.sample(MATTERS[category], 2)
        lines.append(f"关于{first}的问题{at},我们这里的{second}一直没有人管请处理,{category},{OFFICES[category]}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "messages.csv"
    path.write_text(csv_of(), encoding="utf-8")
    return path


def test_a_citys_messages_become_two_models_with_a_report(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "models"
    assert main(["train", "hotline", str(file), "--into", str(into)]) == 0
    shown = capsys.readouterr().out
    for target, classes in (("category", set(MATTERS)), ("department", set(OFFICES.values()))):
        model = Linear.load(into / f"{target}.npz")
        report = json.loads((into / f"{target}.report.json").read_text(encoding="utf-8"))
        assert set(model.outputs) == classes == {row["class"] for row in report["classes"]}
        assert report["scores"]["macro_f1"] > 0.9
        assert len(report["data"]) == 64
        assert model.about["data"] == report["data"]
        assert f"## {target}" in shown


def test_the_same_messages_give_the_same_model(file: Path) -> None:
    first, second = (train_target(read_messages(file), "category", Segmenter()) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.report == second.report
    assert (first.model.weights == second.model.weights).all()


def test_a_worse_model_is_not_written(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "models"
    rows = [row.rsplit(",", 1)[0] for row in csv_of().splitlines()]
    file.write_text("\n".join(rows), encoding="utf-8")
    assert main(["train", "hotline", str(file), "--into", str(into)]) == 0
    before = (into / "category.npz").read_bytes()
    labels = [row.rsplit(",", 1)[1] for row in rows[1:]]
    random.Random(5).shuffle(labels)
    mixed = [f"{row.rsplit(',', 1)[0]},{label}" for row, label in zip(rows[1:], labels, strict=True)]
    file.write_text("\n".join((rows[0], *mixed)), encoding="utf-8")
    assert main(["train", "hotline", str(file), "--into", str(into)]) == 1
    assert (into / "category.npz").read_bytes() == before
    assert "not written: category.npz" in capsys.readouterr().err
    assert main(["train", "hotline", str(file), "--into", str(into), "--force"]) == 0
    assert (into / "category.npz").read_bytes() != before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: a column title or body"),
        ("title,kind\n", "line 1: unknown column 'kind'"),
        ("title,title,category\n", "line 1: column 'title' twice"),
        ("title,body\n", "line 1: a column category or department"),
        ("title,category\n", "line 2: no messages"),
        ("title,category\n路灯坏了\n", "line 2: 1 fields, the header has 2"),
        ("title,category\n路灯坏了,城建\n,城建\n", "line 3: title and body are empty"),
        ("title,category\n路灯坏了,\n", "line 2: neither category nor department"),
        ("title,category\n" + "坏" * 20_001 + ",城建\n", "line 2: title is longer than 20000"),
        ('title,category\n"路灯"坏了,城建\n', "line 2: "),
        ("title,category\n路灯\x00坏了,城建\n", "line 2: "),
    ],
)
def test_a_bad_file_is_refused_with_the_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadMessages) as refused:
        read_messages(path)
    assert any(error.startswith(said) for error in refused.value.errors), refused.value.errors


def test_bad_bytes_are_refused_with_the_line_and_chinese_excel_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bytes.csv"
    path.write_bytes("title,category\n路灯坏了,城建\n".encode("gb18030"))
    assert read_messages(path)[0].title == "路灯坏了"
    path.write_bytes(b"title,category\n\xff\xff,x\n")
    with pytest.raises(BadMessages, match="line 2: neither UTF-8 nor GB18030"):
        read_messages(path)
    with pytest.raises(BadMessages, match="No such file"):
        read_messages(tmp_path / "none.csv")


def test_too_few_messages_train_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "few.csv"
    path.write_text("title,category\n路灯坏了,城建\n学校收费,教育\n", encoding="utf-8")
    assert main(["train", "hotline", str(path), "--into", str(tmp_path / "models")]) == 2
    assert "too few messages" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_personal_numbers_of_messages_do_not_come_into_the_model(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    rows = csv_of().splitlines()
    marked = [rows[0], *(row.replace("请处理", "电话13800138000请处理") for row in rows[1:])]
    path.write_text("\n".join(marked), encoding="utf-8")
    trained = train_target(read_messages(path), "category", Segmenter())
    assert trained is not None
    assert not any("138" in name for name in trained.model.features)


def test_a_cut_off_model_of_a_city_is_noticed(file: Path, tmp_path: Path) -> None:
    into = tmp_path / "models"
    main(["train", "hotline", str(file), "--into", str(into)])
    path = into / "department.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BrokenModel):
        Linear.load(path)
