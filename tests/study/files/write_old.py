"""Writes a study file by the code of an earlier commit: ``PYTHONPATH=OLD python write_old.py FORMAT FILE``.

The files beside this one were written so by the last commits of formats 1, 2 and 3: f3e61b9, 7f80c56 and 95a2334.
Each of them is the parent of the commit that brought the next format. Only times, owners and the identity are set
afterwards, so that they are known.
"""

import sqlite3
import sys

import jbo

FORMAT, FILE = int(sys.argv[1]), sys.argv[2]
SPACE = jbo.Space(
    rate=jbo.Real(1e-4, 1.0, log=True), layers=jbo.Integer(1, 4), kind=jbo.Categorical("a", "b é"),
    momentum=jbo.Real(0.0, 1.0, when=("kind", "a")),
)  # fmt: skip


def config(i):
    return {"rate": 0.1 / (i + 1), "layers": i % 4 + 1, "kind": "b é"}


with jbo.Study(SPACE, strategy=jbo.random_search(SPACE), maximize=FORMAT != 2, seed=2**40 + FORMAT, path=FILE) as study:
    for i in range(6):
        study.enqueue(config(i))
    first, second, third, fourth = study.ask(4)
    if FORMAT >= 2:
        study.report(first, 0, 0.75)
        study.report(first, 3, float("nan"))
        study.report(first, 2, 0.1 + 0.2)
        study.report(second, 1, float("inf"))
        study.report(third, 5, -1e-300)
        study.report(fourth, 7, 1e300)
    cost, noise = ({"cost": 1 / 3}, {"noise": 0.0}) if FORMAT == 3 else ({}, {})
    study.tell(first, 0.1, **cost, **noise)
    study.tell(second, failed="out of memory\n  é", **cost)
    if FORMAT >= 2:
        study.tell(third, stopped=True, **cost)
    else:
        study.tell(third, float("nan"))
    # The fourth stays pending.
    own = {"rate": 0.25, "layers": 2, "kind": "a", "momentum": 0.5}
    study.tell(own, 5e-324, **({"noise": 2.5} if FORMAT == 3 else {}))
    study.tell(own, -1e308)  # the same configuration again

connection = sqlite3.connect(FILE)
connection.execute(f"UPDATE study SET id = 'study of format {FORMAT}', created_at = 1000.5")
connection.execute("UPDATE trials SET started_at = 1001.25 + number")
connection.execute("UPDATE trials SET ended_at = 2002.125 + number WHERE status != 'pending'")
owner = "host = 'a host', boot = 'a boot', pid = 77, process_started = 'then'"
connection.execute(f"UPDATE trials SET {owner} WHERE number < 4")
connection.commit()
connection.execute("VACUUM")
connection.close()
