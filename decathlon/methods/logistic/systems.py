"""One function for each system: trains on one column of labels.

Each takes `tables`, float32 (examples, features) by split; `targets`, class numbers of
train and val; the task; its budget; and a folder to work in. It returns a function from
a table to probabilities (examples, classes that train has), and how many models it
tried.
"""

import numpy as np

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
        known = np.isin(targets["val"], model.classes_)
        loss = metrics.log_loss(
            targets["val"][known],
            model.predict_proba(tables["val"][known]),
            labels=model.classes_,
        )
        if best is None or loss < best[0]:
            best = loss, model
    return best[1].predict_proba, len(_STRENGTHS)


def flaml(tables, targets, *, task, budget, folder):
    """Microsoft's search for cheap and good models, chosen by validation."""
    from flaml import AutoML

    search = AutoML()
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
        verbose=1,
    )
    return search.predict_proba, len(search.config_history)
