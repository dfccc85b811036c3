"""A method's definition: what the built-in ones say, and what is refused."""

import dataclasses
import pathlib

import pytest

from medmnist_tfds import train
from medmnist_tfds.decathlon import changes, definition, suites
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon.report import collect
from medmnist_tfds.process import errors

RESNETS = ("resnet18_28", "resnet18_224", "resnet50_28", "resnet50_224")


def define(folder: pathlib.Path, text: str = "", program: str | None = None) -> str:
    """A method's folder with that definition, and with that program if any."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "method.toml").write_text(text)
    if program is not None:
        (folder / "run.py").write_text(program)
    return str(folder)


@pytest.mark.parametrize("name", suites.SUITES)
def test_every_row_of_a_published_table_has_a_method_in_its_suite(name):
    suite = suites.find(name)
    rows = {methods.find(method).paper_row for method in methods.of_suite(suite)}
    # AutoKeras' program takes images.
    lacking = {"AutoKeras"} if suite.form == "volumes" else set()
    assert rows - {None} == set(collect.paper_rows(suite)) - lacking


def test_the_ten_are_run_by_the_methods_that_always_ran_them():
    of_v2 = {name for name in methods.built_in() if name.endswith("_v2")}
    of_volumes = {f"resnet{n}_{c}" for n in (18, 50) for c in ("25d", "3d", "acs")}
    of = {name: set(methods.of_suite(suites.find(name))) for name in suites.SUITES}
    others = set(methods.built_in()) - of_v2 - of_volumes
    assert of["decathlon"] == others and len(others) == 15
    assert of["v2_2d"] == (others | of_v2) - set(RESNETS)
    assert of["v2_3d"] == of_volumes | {"autosklearn", "constant", "recipe_fast"}


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_the_networks_of_medmnist_v2_have_its_recipes(network):
    found = methods.find(f"{network}_224_v2").settings
    recipe = dataclasses.replace(train.recipe.V2, model=network, resolution=224)
    assert found == {**dataclasses.asdict(recipe), "strategy": "auto"}
    for ending, convolution in {"25d": "2.5d", "3d": "3d", "acs": "acs"}.items():
        found = methods.find(f"{network}_{ending}").settings
        recipe = dataclasses.replace(
            train.recipe.V2_3D, model=network, convolution=convolution
        )
        assert found == {**dataclasses.asdict(recipe), "strategy": "auto"}


def test_a_method_takes_images_and_volumes_unless_it_says_otherwise(tmp_path):
    def takes(name: str, text: str) -> tuple[str, ...]:
        return methods.find(define(tmp_path / name, text)).takes

    assert takes("a", "") == ("images", "volumes")
    assert takes("b", "takes = ['volumes']") == ("volumes",)
    assert takes("c", "extends = '../b'") == ("volumes",)
    assert takes("d", "features = 'efficientnet'") == ("images",)
    assert takes("e", "extends = '../d'\nfeatures = 'pixels'") == ("images", "volumes")


def test_suites_are_those_of_the_method_itself_as_its_row_is(tmp_path):
    text = "suites = ['v2_3d']"
    own = methods.find(define(tmp_path / "a", text))
    other = methods.find(define(tmp_path / "b", "extends = '../a'"))
    assert own.suites == ("v2_3d",) and other.suites == tuple(suites.SUITES)


@pytest.mark.parametrize("name", methods.built_in())
def test_a_built_in_method_has_a_program_and_both_budgets(name):
    method = methods.find(name)
    assert (method.program_folder / "run.py").is_file()
    assert set(method.budgets) == set(definition.BUDGETS)


@pytest.mark.parametrize(
    ("images", "hours"), [(780, 2), (9_999, 2), (10_000, 4), (50_000, 4), (50_001, 6)]
)
def test_autosklearn_has_the_papers_hours_by_scale(images, hours):
    budget = methods.find("autosklearn").budget("paper", images=images)
    assert budget.amounts["seconds"] == hours * 3600
    assert budget.limit_hours > hours


@pytest.mark.parametrize("name", RESNETS)
def test_the_resnets_have_the_papers_recipe(name):
    method = methods.find(name)
    model, resolution = name.split("_")
    recipe = dataclasses.replace(train.PAPER, model=model, resolution=int(resolution))
    assert method.settings == {**dataclasses.asdict(recipe), "strategy": "auto"}
    assert method.budget("paper", images=780).amounts == {}
    assert method.display_name == f"ResNet-{model[-2:]} ({resolution})"
    assert method.budgets == methods.find("resnet18_28").budgets


@pytest.mark.parametrize("name", ["fast", "best"])
def test_our_recipes_are_methods_with_a_smoke_budget_of_their_own(name):
    method = methods.find(f"recipe_{name}")
    recipe = dataclasses.asdict(train.recipe.named(name))
    assert method.settings == {**recipe, "strategy": "auto"}
    assert method.budget("paper", images=780).amounts == {}
    smoke = method.budget("smoke", images=780).amounts
    assert smoke == {"epochs": 3, "batch_size": 8, "statistics_images": 64}
    assert method.paper_row is None
    is_pretrained = "efficientnet" in method.settings["model"]
    assert method.pretrained == "ImageNet (EfficientNet-Lite0)" * is_pretrained


def test_what_a_method_was_pretrained_on_holds_for_those_that_extend_it(tmp_path):
    define(tmp_path / "a", "pretrained = 'ImageNet'")
    same = methods.find(define(tmp_path / "b", "extends = '../a'"))
    other = methods.find(define(tmp_path / "c", "extends = '../a'\npretrained = ''"))
    assert (same.pretrained, other.pretrained) == ("ImageNet", "")


def test_autokeras_has_the_papers_trials():
    budget = methods.find("autokeras").budget("paper", images=780)
    assert (budget.amounts["trials"], budget.amounts["epochs"]) == (20, 20)


def test_a_users_method_needs_a_name_only(tmp_path):
    method = methods.find(define(tmp_path / "mine"))
    assert (method.name, method.display_name) == ("mine", "mine")
    assert not method.has_environment
    assert method.budget("paper", images=1).limit_hours > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("display_nme = 'x'", "unknown field 'display_nme'.*'display_name'"),
        ("display_name = 3", "display_name the value 3"),
        ("pretrained = true", "pretrained the value True"),
        ("extends = 'mine_too'", "extends 'mine_too', which is no method"),
        ("extends = '.'", "extends '.', which extends it"),
        ("a = [", "cannot be read"),
        ("python = 'three'", "asks for Python 'three'"),
        ("[[budgets.big]]", "has a budget 'big'.*paper or smoke"),
        ("[budgets]\npaper = [3]", "datasets of any size"),
        ("[[budgets.paper]]\nlimit_hours = 'two'", "limit_hours of budget paper 'two'"),
        ("command = []", "an empty command"),
        ("takes = ['videos']", r"takes \['videos'\]. Expected some of images, vol"),
        ("takes = []", r"gives takes \[\]"),
        ("suites = ['v3']", "Expected some of decathlon, v2_2d, v2_3d"),
        ("takes = ['volumes']\nfeatures = 'efficientnet'", "which have none"),
        ("estimate = [3]", "a list of strings"),
        ("requirements = [3]", "a list of strings"),
        ("[settings]\nday = 2020-01-01", "no JSON"),
        ("[[budgets.paper]]\nup_to_images = 5", "datasets of any size"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_place(tmp_path, text, message):
    folder = define(tmp_path / "mine", text)
    with pytest.raises(errors.MedMNISTError, match=message) as refusal:
        methods.find(folder)
    assert folder in str(refusal.value)


def test_an_unknown_method_is_refused_with_the_nearest_name():
    with pytest.raises(errors.MedMNISTError, match="Did you mean 'resnet18_28'"):
        methods.find("resnet18_29")


def test_a_method_says_only_what_differs_from_the_one_it_extends(tmp_path):
    text = "memory_gib = 2\nrequirements = ['x']\n[settings]\nwidth = 1\ndepth = 2\n"
    text += "[[budgets.paper]]\nsteps = 9\nlimit_hours = 7\n"
    base = define(tmp_path / "base", f"paper_row = 'AutoKeras'\n{text}", "one")
    text = "extends = '../base'\n[settings]\ndepth = 3\n[[budgets.smoke]]\nsteps = 1\n"
    method = methods.find(define(tmp_path / "mine", text))
    assert method.settings == {"width": 1, "depth": 3}
    assert method.budget("paper", images=1).amounts == {"steps": 9}
    assert method.budget("paper", images=1).limit_hours == 7
    assert method.budget("smoke", images=1).amounts == {"steps": 1}
    assert (method.memory_gib, method.requirements) == (2, ("x",))
    assert (method.name, method.display_name, method.paper_row) == (
        "mine",
        "mine",
        None,
    )
    assert method.program_folder == pathlib.Path(base)


def test_the_nearest_program_is_the_method_s(tmp_path):
    define(tmp_path / "a", "command = ['sh', '{folder}/a.sh']")
    define(tmp_path / "b", "extends = '../a'")
    own = methods.find(define(tmp_path / "c", "extends = '../b'", "a program"))
    base = methods.find(define(tmp_path / "d", "extends = '../b'"))
    assert own.program_folder == tmp_path / "c"
    assert own.command == ("{python}", "{folder}/run.py")
    assert base.program_folder == tmp_path / "a"
    assert base.command == ("sh", "{folder}/a.sh")


def test_an_estimate_is_that_of_the_program(tmp_path):
    base = pathlib.Path(define(tmp_path / "a", program="a program"))
    assert methods.find(str(base)).estimate == ()
    (base / "estimate.py").write_text("seconds")
    default = ("{python}", "{folder}/estimate.py")
    assert methods.find(str(base)).estimate == default
    assert methods.find(define(tmp_path / "b", "extends = '../a'")).estimate == default
    own = methods.find(define(tmp_path / "c", "extends = '../a'", "its own"))
    assert own.estimate == ()
    text = "extends = '../a'\nestimate = ['awk', '{folder}/it']"
    assert methods.find(define(tmp_path / "d", text)).estimate == ("awk", "{folder}/it")
    own = methods.find(define(tmp_path / "e", "extends = '../d'", "its own"))
    assert own.estimate == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [("ResNet-18 (28)", "resnet18_28"), ("auto-sklearn", "autosklearn")],
)
def test_a_method_is_known_by_the_name_people_write(text, name):
    assert methods.find(text).name == name


def test_methods_that_extend_each_other_are_refused(tmp_path):
    define(tmp_path / "a", "extends = '../b'")
    with pytest.raises(errors.MedMNISTError, match="extends '../b', which extends it"):
        methods.find(define(tmp_path / "b", "extends = '../a'"))


def test_an_unknown_recipe_is_refused_with_its_place(tmp_path):
    folder = define(tmp_path / "mine", "recipe = 'secret'")
    with pytest.raises(errors.MedMNISTError, match="recipe 'secret'.*one of paper"):
        _ = methods.find(folder).settings


@pytest.mark.parametrize("budget", definition.BUDGETS)
def test_a_changed_field_counts_in_settings_and_budget(budget):
    chosen = [methods.find("resnet18_28"), methods.find("constant")]
    texts = ["epochs=20", "patience=10", "deterministic=true", "limit_hours=3"]
    wanted = [f"resnet18_28.{text}" for text in texts]
    changed, other = changes.apply(chosen, wanted, budget=budget)
    amounts = changed.budget(budget, images=1).amounts
    settings = changed.settings | amounts  # as the program reads them
    assert (settings["epochs"], settings["patience"]) == (20, 10)
    assert settings["deterministic"] is True
    assert changed.budget(budget, images=1).limit_hours == 3
    assert chosen[0].settings["patience"] == 0
    assert other == chosen[1]


def test_a_field_of_the_other_budget_cannot_be_set(tmp_path):
    folder = define(tmp_path / "mine", "[[budgets.smoke]]\ntrials = 1\n")
    chosen = [methods.find(folder)]
    message = "'trials' in its budget smoke only.*--budget smoke"
    with pytest.raises(errors.MedMNISTError, match=message):
        changes.apply(chosen, ["mine.trials=2"], budget="paper")
    (changed,) = changes.apply(chosen, ["mine.trials=2"], budget="smoke")
    assert changed.budget("smoke", images=1).amounts == {"trials": 2}


def test_a_list_cannot_be_set_on_the_command_line(tmp_path):
    folder = define(tmp_path / "mine", "[settings]\nlayers = [1, 2]\n")
    with pytest.raises(errors.MedMNISTError, match="is a list.*Change method.toml"):
        changes.apply([methods.find(folder)], ["mine.layers=[3,4]"], budget="paper")


def test_a_field_that_is_like_no_other_is_not_guessed():
    chosen = [methods.find("resnet18_28")]
    with pytest.raises(errors.MedMNISTError, match="no field 'zq'") as refusal:
        changes.apply(chosen, ["resnet18_28.zq=1"], budget="paper")
    assert "Did you mean" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("resnet18_28.epoch=20", "Did you mean 'epochs'"),
        ("resnet18_28.epochs=many", "given 'many'. Expected a whole"),
        ("resnet18_28.learning_rate=nan", "given 'nan'. Expected a finite"),
        ("resnet18_28.limit_hours=-1", "given '-1'. Expected a finite number above 0"),
        ("resnet18_28.deterministic=1", "given '1'. Expected True or False"),
        ("autokeras.trials=2", "names no method that takes part"),
        ("epochs=20", "METHOD.FIELD=VALUE"),
    ],
)
def test_a_wrong_change_is_refused(change, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        changes.apply([methods.find("resnet18_28")], [change], budget="paper")
