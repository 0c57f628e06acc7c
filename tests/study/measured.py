"""A study with two objectives and two limits whose front, volume and broken limits are known by hand."""

import jbo

OUTCOMES = [
    jbo.Minimize("loss", reference=10.0),
    jbo.Maximize("score", reference=0.0),
    jbo.AtMost("memory", 8.0),
    jbo.AtLeast("speed", 1.0),
]
ROWS = [
    (4, 5, 4, 2),  # front
    (2, 3, 5, 2),  # front
    (4, 2, 5, 2),  # dominated by both
    (1, 9, 9.2, 2),  # breaks the memory alone
    (1, 9, 9, 0.5),  # breaks both
    (3, 1, 5, 0.8),  # breaks the speed alone
    None,  # failed
    (6, 8, 7.9, 3),  # front, near the memory
    (1, 1, None, 2),  # nobody knows
]
FRONT = [0, 1, 7]
VOLUMES = [30, 36, 36, 36, 36, 36, 36, 48, 48]


def made(path=None):
    """The study, still open; its last trial is pending."""
    study = jbo.Study(jbo.Space(x=jbo.Real(0, 1)), outcomes=OUTCOMES, seed=0, path=path)
    for i, row in enumerate(ROWS):
        names = [outcome.name for outcome in OUTCOMES]
        if row is None:
            study.tell({"x": i / 10}, failed="no <memory>")
        else:
            study.tell({"x": i / 10}, dict(zip(names, row, strict=True)))
    study.enqueue({"x": 0.95})
    study.ask()
    return study
