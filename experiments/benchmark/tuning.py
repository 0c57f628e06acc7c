"""Real tuning tasks: scikit-learn models on its bundled data. An evaluation takes about 50 ms and is deterministic."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import ElasticNet, LogisticRegression, SGDClassifier
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from jbo import Categorical, Integer, Ordinal, Real, Space

_DATA = {"digits": load_digits, "cancer": load_breast_cancer, "wine": load_wine, "diabetes": load_diabetes}
WORST = {"neg_log_loss": -5.0, "accuracy": 0.0, "r2": -1.0}
"""Minimum score, and the score of a model that fails: divergence is bad, but not infinitely bad."""


@dataclass(frozen=True)
class Tuning:
    """The cross-validated loss of a model as a function of its hyperparameters; lower is better."""

    space: Space
    make: Callable[[dict[str, Any]], Any]
    """Function from a config to an estimator."""
    data: str
    num_rows: int
    scoring: str
    """Name of a scikit-learn score; the loss is its negative."""

    def __call__(self, config: dict[str, Any]) -> float:
        """The negative mean score over three fixed folds."""
        x, y = _rows(self.data, self.num_rows)
        model = make_pipeline(StandardScaler(), self.make(config))
        folds, worst = KFold(3, shuffle=True, random_state=0), WORST[self.scoring]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some configs do not converge, which their scores show
            try:
                scores = cross_val_score(model, x, y, cv=folds, scoring=self.scoring, error_score=np.nan)
            except ValueError:  # the fit failed in every fold
                return -worst
        return -float(np.mean(np.maximum(np.nan_to_num(scores, nan=worst), worst)))


@cache
def _rows(data: str, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = _DATA[data](return_X_y=True)  # pyright: ignore[reportCallIssue]
    chosen = np.random.default_rng(0).permutation(len(y))[:num_rows]
    return x[chosen], y[chosen]


_RATE = Real(1e-4, 1.0, log=True)


def _mlp(c: dict[str, Any]) -> Any:
    sizes = (c["width"],) * c["depth"]
    momentum = {"momentum": c["momentum"]} if c["solver"] == "sgd" else {}
    return MLPClassifier(
        sizes, activation=c["activation"], solver=c["solver"], alpha=c["alpha"], batch_size=c["batch"],
        learning_rate_init=c["rate"], max_iter=12, random_state=0, **momentum,
    )  # fmt: skip


_MLP = Space(
    width=Integer(4, 64, log=True),
    depth=Integer(1, 3),
    activation=Categorical("relu", "tanh", "logistic"),
    solver=Categorical("sgd", "adam"),
    momentum=Real(0.0, 0.99, when=("solver", "sgd")),
    alpha=Real(1e-6, 1.0, log=True),
    batch=Ordinal(8, 16, 32, 64),
    rate=_RATE,
)
_SVM = Space(
    C=Real(1e-3, 1e3, log=True),
    kernel=Categorical("rbf", "poly", "sigmoid", "linear"),
    gamma=Real(1e-5, 10.0, log=True, when=("kernel", {"rbf", "poly", "sigmoid"})),
    degree=Integer(2, 5, when=("kernel", "poly")),
    coef0=Real(-1.0, 1.0, when=("kernel", {"poly", "sigmoid"})),
    shrinking=Categorical(True, False),
)
_TREES = Space(
    max_depth=Integer(1, 20),
    max_features=Real(0.02, 1.0),
    min_samples_leaf=Integer(1, 20, log=True),
    min_samples_split=Integer(2, 20),
    criterion=Categorical("gini", "entropy"),
    bootstrap=Categorical(True, False),
    n_estimators=Integer(2, 32, log=True),
)
_BOOSTING = Space(
    learning_rate=Real(1e-3, 1.0, log=True),
    n_estimators=Integer(5, 80, log=True),
    max_depth=Integer(1, 8),
    subsample=Real(0.2, 1.0),
    max_features=Real(0.1, 1.0),
    min_samples_leaf=Integer(1, 30, log=True),
    loss=Categorical("squared_error", "absolute_error", "huber"),
)
_KNN = Space(
    n_neighbors=Integer(1, 50, log=True),
    weights=Categorical("uniform", "distance"),
    metric=Categorical("minkowski", "chebyshev", "cosine"),
    p=Real(1.0, 4.0, when=("metric", "minkowski")),
)
_LOGISTIC = Space(
    C=Real(1e-4, 1e3, log=True),
    l1_ratio=Real(0.0, 1.0),
    max_iter=Integer(2, 30, log=True),
    fit_intercept=Categorical(True, False),
)
_SGD = Space(
    loss=Categorical("hinge", "log_loss", "modified_huber", "perceptron"),
    penalty=Categorical("l2", "l1", "elasticnet"),
    alpha=Real(1e-6, 1.0, log=True),
    l1_ratio=Real(0.0, 1.0, when=("penalty", "elasticnet")),
    schedule=Categorical("optimal", "constant", "invscaling"),
    eta0=Real(1e-4, 10.0, log=True),
    power_t=Real(0.1, 0.9, when=("schedule", "invscaling")),
    average=Categorical(True, False),
)
_SVR = Space(
    C=Real(1e-2, 1e4, log=True),
    epsilon=Real(1e-3, 1e2, log=True),
    kernel=Categorical("rbf", "linear", "sigmoid"),
    gamma=Real(1e-5, 1.0, log=True, when=("kernel", {"rbf", "sigmoid"})),
)
_ELASTIC = Space(
    alpha=Real(1e-4, 1e2, log=True),
    l1_ratio=Real(0.0, 1.0),
    fit_intercept=Categorical(True, False),
    selection=Categorical("cyclic", "random"),
    max_iter=Integer(1, 100, log=True),
)
_TREE = Space(
    max_depth=Integer(1, 20),
    min_samples_split=Integer(2, 50, log=True),
    min_samples_leaf=Integer(1, 50, log=True),
    max_features=Real(0.05, 1.0),
    criterion=Categorical("gini", "entropy", "log_loss"),
    splitter=Categorical("best", "random"),
    ccp_alpha=Real(1e-5, 1e-1, log=True),
)


def _sgd(c: dict[str, Any]) -> Any:
    options = {name: value for name, value in c.items() if name != "schedule"}
    options |= {"learning_rate": c["schedule"], "max_iter": 15, "tol": None}
    return SGDClassifier(**options, random_state=0)


def _logistic(c: dict[str, Any]) -> Any:
    return LogisticRegression(**c, solver="saga", random_state=0)


TASKS = {
    "svm_cancer": Tuning(_SVM, lambda c: SVC(**c, random_state=0), "cancer", 300, "accuracy"),
    "mlp_digits": Tuning(_MLP, _mlp, "digits", 300, "neg_log_loss"),
    "forest_wine": Tuning(_TREES, lambda c: RandomForestClassifier(**c, random_state=0), "wine", 178, "neg_log_loss"),
    "boosting_diabetes": Tuning(
        _BOOSTING, lambda c: GradientBoostingRegressor(**c, random_state=0), "diabetes", 300, "r2"
    ),
    "knn_digits": Tuning(_KNN, lambda c: KNeighborsClassifier(**c), "digits", 300, "accuracy"),
    "sgd_cancer": Tuning(_SGD, _sgd, "cancer", 300, "accuracy"),
    "svm_digits": Tuning(_SVM, lambda c: SVC(**c, random_state=0), "digits", 300, "accuracy"),
    "mlp_wine": Tuning(_MLP, _mlp, "wine", 178, "neg_log_loss"),
    "extra_digits": Tuning(_TREES, lambda c: ExtraTreesClassifier(**c, random_state=0), "digits", 300, "neg_log_loss"),
    "svr_diabetes": Tuning(_SVR, lambda c: SVR(**c), "diabetes", 300, "r2"),
    "logistic_digits": Tuning(_LOGISTIC, _logistic, "digits", 200, "neg_log_loss"),
    "elastic_diabetes": Tuning(_ELASTIC, lambda c: ElasticNet(**c, random_state=0), "diabetes", 442, "r2"),
    "tree_cancer": Tuning(_TREE, lambda c: DecisionTreeClassifier(**c, random_state=0), "cancer", 400, "neg_log_loss"),
    "sgd_digits": Tuning(_SGD, _sgd, "digits", 300, "accuracy"),
}
"""The first six are for choosing a method, the others for reporting."""
