"""A method's definition: what the built-in ones say, and what is refused."""

import pytest

from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon.report import collect
from medmnist_tfds.process import errors


def test_every_row_of_table_2_has_a_method():
    rows = {methods.find(name).paper_row for name in methods.built_in()}
    assert rows - {None} == set(collect.paper_rows())


@pytest.mark.parametrize("name", methods.built_in())
def test_a_built_in_method_has_a_program_and_both_budgets(name):
    method = methods.find(name)
    assert (method.folder / "run.py").is_file()
    assert set(method.budgets) == set(methods.BUDGETS)


@pytest.mark.parametrize(
    ("images", "hours"), [(780, 2), (9_999, 2), (10_000, 4), (50_000, 4), (50_001, 6)]
)
def test_autosklearn_has_the_papers_hours_by_scale(images, hours):
    budget = methods.find("autosklearn").budget("paper", images=images)
    assert budget.amounts["seconds"] == hours * 3600
    assert budget.limit_hours > hours


def test_the_resnets_have_the_papers_recipe():
    method = methods.find("resnet50_224")
    assert method.settings["model"] == "resnet50"
    assert method.settings["resolution"] == 224
    amounts = method.budget("paper", images=780).amounts
    assert amounts == {"epochs": 100, "learning_rate": 1e-3}


def test_autokeras_has_the_papers_trials():
    budget = methods.find("autokeras").budget("paper", images=780)
    assert (budget.amounts["trials"], budget.amounts["epochs"]) == (20, 20)


def test_a_users_method_needs_a_name_only(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "method.toml").write_text("")
    method = methods.find(str(folder))
    assert (method.name, method.display_name) == ("mine", "mine")
    assert not method.has_environment
    assert method.budget("paper", images=1).limit_hours > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("display_nme = 'x'", "unknown field 'display_nme'.*'display_name'"),
        ("display_name = 3", "display_name the value 3"),
        ("a = [", "cannot be read"),
        ("python = 'three'", "asks for Python 'three'"),
        ("[[budgets.big]]", "has a budget 'big'.*paper or smoke"),
        ("[budgets]\npaper = [3]", "datasets of any size"),
        ("[[budgets.paper]]\nlimit_hours = 'two'", "limit_hours of budget paper 'two'"),
        ("command = []", "an empty command"),
        ("requirements = [3]", "a list of strings"),
        ("[settings]\nday = 2020-01-01", "no JSON"),
        ("[[budgets.paper]]\nup_to_images = 5", "datasets of any size"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_place(tmp_path, text, message):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "method.toml").write_text(text)
    with pytest.raises(errors.MedMNISTError, match=message) as found:
        methods.find(str(folder))
    assert str(folder) in str(found.value)


def test_an_unknown_method_is_refused_with_the_nearest_name():
    with pytest.raises(errors.MedMNISTError, match="Did you mean resnet18_28"):
        methods.find("resnet18_29")


def test_settings_and_budgets_are_changed_by_field():
    found = [methods.find("resnet18_28"), methods.find("constant")]
    changes = ["resnet18_28.epochs=20", "resnet18_28.precision=mixed_bfloat16"]
    changed, other = methods.override(found, changes)
    assert changed.budget("paper", images=1).amounts["epochs"] == 20
    assert changed.budget("smoke", images=1).amounts["epochs"] == 20
    assert changed.settings["precision"] == "mixed_bfloat16"
    assert found[0].settings["precision"] == "float32"
    assert other == found[1]


def test_a_list_cannot_be_set_on_the_command_line(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "method.toml").write_text("[settings]\nlayers = [1, 2]\n")
    with pytest.raises(errors.MedMNISTError, match="is a list.*Change method.toml"):
        methods.override([methods.find(str(folder))], ["mine.layers=[3,4]"])


def test_the_resnets_have_one_smoke_budget():
    names = ("resnet18_28", "resnet18_224", "resnet50_28", "resnet50_224")
    found = [methods.find(name) for name in names]
    assert len({str(method.budgets) for method in found}) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("resnet18_28.epoch=20", "Did you mean 'epochs'"),
        ("resnet18_28.epochs=many", "given 'many'. Expected int"),
        ("autokeras.trials=2", "names no method that takes part"),
        ("epochs=20", "METHOD.FIELD=VALUE"),
    ],
)
def test_a_wrong_change_is_refused(change, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        methods.override([methods.find("resnet18_28")], [change])
