"""One function for each system: trains on one column of labels.

Each takes `tables`, float32 (examples, features) by split; `targets`, class numbers of
train and val; the task; its budget; and a folder to work in, which is removed at the
end. It returns a function from a table to probabilities (examples, classes), the
classes that these are of, and how many models it tried. Validation has no class that
train lacks.
"""

import sys

import numpy as np

_MISSING = 69  # by which the harness knows that a program lacks something
_STRENGTHS = 10.0 ** np.arange(-5, 1)  # inverse, of regularization


def logistic(tables, targets, *, task, budget, folder):
    """scikit-learn's, the strength of its regularization by validation."""
    from sklearn import linear_model, metrics, pipeline, preprocessing

    best = None
    for strength in _STRENGTHS:
        model = pipeline.make_pipeline(
            preprocessing.StandardScaler(),
            linear_model.LogisticRegression(C=strength, max_iter=300),
        )
        model.fit(tables["train"], targets["train"])
        said = model.predict_proba(tables["val"])
        loss = metrics.log_loss(targets["val"], said, labels=model.classes_)
        if best is None or loss < best[0]:
            best = loss, model
    return best[1].predict_proba, best[1].classes_, len(_STRENGTHS)


def flaml(tables, targets, *, task, budget, folder):
    """Microsoft's search for cheap and good models, chosen by validation."""
    from flaml import AutoML

    search, log = AutoML(), folder / "search.log"
    search.fit(
        X_train=tables["train"],
        y_train=targets["train"],
        X_val=tables["val"],
        y_val=targets["val"],
        task="classification",
        metric="log_loss",
        time_budget=budget["seconds"],
        n_jobs=task["cores"],
        seed=task["seed"],
        estimator_list=["lgbm", "rf", "extra_tree", "xgboost", "lrl1"],
        log_file_name=str(log),
        log_type="all",
        verbose=1,
    )
    tried = sum('"record_id"' in line for line in log.read_text().splitlines())
    return search.predict_proba, search.classes_, tried


def autogluon(tables, targets, *, task, budget, folder):
    """AWS's ensembles, weighted by validation."""
    import pandas
    from autogluon.core.models import AbstractModel
    from autogluon.tabular import TabularPredictor

    AbstractModel.default_random_seed = task["seed"]  # of models that are not bagged
    frames = {split: pandas.DataFrame(table) for split, table in tables.items()}
    for split, values in targets.items():
        frames[split]["label"] = values
    is_bagged = budget["preset"] != "medium_quality"
    predictor = TabularPredictor("label", path=folder, eval_metric="log_loss")
    predictor.fit(
        frames["train"],
        tuning_data=frames["val"],
        use_bag_holdout=is_bagged,
        presets=budget["preset"],
        hyperparameters=_seeded(budget["preset"], task["seed"]),
        time_limit=budget["seconds"],
        num_cpus=task["cores"],
        num_gpus=0,
        memory_limit=task["memory_gib"],
    )

    def predict(table):
        return predictor.predict_proba(pandas.DataFrame(table)).to_numpy()

    return predict, predictor.class_labels, len(predictor.model_names())


def _seeded(preset: str, seed: int) -> dict[str, list[dict]]:
    """The models of one of AutoGluon's presets, with this seed when they are bagged."""
    from autogluon.tabular.configs import hyperparameter_configs, presets_configs

    chosen = presets_configs.tabular_presets_dict[preset]
    name = chosen.get("hyperparameters", "default")
    portfolio = hyperparameter_configs.get_hyperparameter_config(name)
    seeded = {"model_random_seed": seed}
    return {
        family: [
            model | {"ag_args_ensemble": model.get("ag_args_ensemble", {}) | seeded}
            for model in (models if isinstance(models, list) else [models])
        ]
        for family, models in portfolio.items()
    }


def tabicl(tables, targets, *, task, budget, folder):
    """A network that has learned to learn from tables; columns by their variance."""
    from huggingface_hub import errors
    from sklearn import decomposition, pipeline, preprocessing
    from tabicl import TabICLClassifier

    settings, (examples, columns) = task["settings"], tables["train"].shape
    rng = np.random.default_rng(task["seed"])
    rows = rng.permutation(examples)[: settings["rows"]]
    components = min(settings["columns"], columns, len(rows))
    model = pipeline.make_pipeline(
        preprocessing.StandardScaler(),
        decomposition.PCA(components, random_state=task["seed"]),
        TabICLClassifier(
            model_path=settings["weights"] or None,
            random_state=task["seed"],
            n_jobs=task["cores"],
        ),
    )
    try:
        model.fit(tables["train"][rows], targets["train"][rows])
    except errors.LocalEntryNotFoundError:
        print(
            "TabICL's weights are not here, and the Hugging Face Hub (jingang/TabICL) "
            "cannot be reached: run once where it can, or fetch the file there and "
            "give --set tabicl.weights=FILE"
        )
        sys.exit(_MISSING)
    return model.predict_proba, model.classes_, 1
