"""Problems with one objective and limits on measured outcomes.

Several forms of the engineering problems are published, with different constants, bounds and minima. Each docstring
writes out its form. The minima were derived from these formulas (`tests/test_functions_of_outcomes.py`).
"""

import math
from collections.abc import Mapping
from typing import Any

from jbo.functions._problem import ConstrainedProblem, namespace
from jbo.functions._single import branin
from jbo.outcomes import AtLeast, AtMost, Minimize
from jbo.space import Integer, Real, Space


def _constrained_branin(config: Mapping[str, Any]) -> dict[str, Any]:
    distance = (config["x1"] - 2.5) ** 2 + (config["x2"] - 7.5) ** 2
    return {"branin": branin(config), "squared_distance": distance}


constrained_branin = ConstrainedProblem(
    name="constrained_branin",
    space=branin.space,
    function=_constrained_branin,
    outcomes=(Minimize("branin"), AtMost("squared_distance", 50.0)),
    minimum=branin.minimum,
    minimizers=({"x1": math.pi, "x2": 2.275},),
)
r"""Branin within a disk, which holds one of its three minima.

.. math:: (x_1 - 2.5)^2 + (x_2 - 7.5)^2 \le 50

The minimum is 0.397887, as for Branin, at :math:`(\pi, 2.275)`; the other two minimisers are infeasible. The limit is
not active at the minimum.
The form of Gelbart, Snoek and Adams, Bayesian Optimization with Unknown Constraints, 2014, section 4.1.
"""


def _gramacy(config: Mapping[str, Any]) -> dict[str, Any]:
    xp, x, y = namespace(config), config["x1"], config["x2"]
    wave = 1.5 - x - 2 * y - 0.5 * xp.sin(2 * math.pi * (x**2 - 2 * y))
    return {"sum": x + y, "wave": wave, "squared_norm": x**2 + y**2}


gramacy = ConstrainedProblem(
    name="gramacy",
    space=Space(x1=Real(0.0, 1.0), x2=Real(0.0, 1.0)),
    function=_gramacy,
    outcomes=(Minimize("sum"), AtMost("wave", 0.0), AtMost("squared_norm", 1.5)),
    minimum=0.5997880520100675,
    minimizers=({"x1": 0.19512268343780226, "x2": 0.40466536857226526},),
)
r"""A linear function over a region with a wavy edge.

.. math:: f = x_1 + x_2, \quad \tfrac32 - x_1 - 2 x_2 - \tfrac12 \sin(2\pi (x_1^2 - 2 x_2)) \le 0, \quad
          x_1^2 + x_2^2 \le \tfrac32

on :math:`[0, 1]^2`. The minimum is 0.599788, where only the wavy limit is active; there are two further local minima.
From Gramacy et al., Modeling an Augmented Lagrangian for Blackbox Constrained Optimization, 2016, equation 2.
"""


def _tension_spring(config: Mapping[str, Any]) -> dict[str, Any]:
    wire, coil, turns = config["wire"], config["coil"], config["turns"]
    bending = (4 * coil**2 - wire * coil) / (12566 * (coil * wire**3 - wire**4))
    return {
        "weight": (turns + 2) * coil * wire**2,
        "deflection": coil**3 * turns / (71785 * wire**4),
        "shear_stress": bending + 1 / (5108 * wire**2),
        "frequency": 140.45 * wire / (coil**2 * turns),
        "diameter": wire + coil,
    }


tension_spring = ConstrainedProblem(
    name="tension_spring",
    space=Space(wire=Real(0.05, 2.0), coil=Real(0.25, 1.3), turns=Real(2.0, 15.0)),
    function=_tension_spring,
    outcomes=(
        Minimize("weight"),
        AtLeast("deflection", 1.0),
        AtMost("shear_stress", 1.0),
        AtLeast("frequency", 1.0),
        AtMost("diameter", 1.5),
    ),
    minimum=0.012665232788319412,
    minimizers=({"wire": 0.05168906107341044, "coil": 0.3567177395744319, "turns": 11.28896576480491},),
)
r"""The lightest coil spring: diameters of the wire and of the coil in inches, and the number of active turns.

.. math:: (N + 2) D d^2, \quad \frac{D^3 N}{71785\, d^4} \ge 1, \quad
          \frac{4 D^2 - d D}{12566 (D d^3 - d^4)} + \frac{1}{5108\, d^2} \le 1, \quad
          \frac{140.45\, d}{D^2 N} \ge 1, \quad d + D \le 1.5

on :math:`0.05 \le d \le 2`, :math:`0.25 \le D \le 1.3`, :math:`2 \le N \le 15`, N real. The minimum is 0.0126652, where
the limits on deflection and shear stress are active. The stress is undefined at :math:`d = D`.
The form of Coello, Use of a Self-Adaptive Penalty Approach for Engineering Optimization Problems, 2000, after Arora.
"""


def _welded_beam(config: Mapping[str, Any]) -> dict[str, Any]:
    xp = namespace(config)
    weld, length, height, width = (config[name] for name in ("weld", "length", "height", "width"))
    load, overhang, elasticity, rigidity = 6000.0, 14.0, 30e6, 12e6
    direct = load / (math.sqrt(2) * weld * length)
    radius = xp.sqrt(length**2 / 4 + ((weld + height) / 2) ** 2)
    inertia = 2 * math.sqrt(2) * weld * length * (length**2 / 12 + ((weld + height) / 2) ** 2)
    torsion = load * (overhang + length / 2) * radius / inertia
    bars = 0.04811 * height * width * (overhang + length)
    slender = 1 - height / (2 * overhang) * math.sqrt(elasticity / (4 * rigidity))
    return {
        "cost": 1.10471 * weld**2 * length + bars,
        "shear_stress": xp.sqrt(direct**2 + direct * torsion * length / radius + torsion**2),
        "bending_stress": 6 * load * overhang / (width * height**2),
        "excess_of_weld": weld - width,
        "material": 0.10471 * weld**2 + bars,
        "deflection": 4 * load * overhang**3 / (elasticity * width * height**3),
        "buckling_load": 4.013 * elasticity * height * width**3 / (6 * overhang**2) * slender,
    }


welded_beam = ConstrainedProblem(
    name="welded_beam",
    space=Space(weld=Real(0.125, 2.0), length=Real(0.1, 10.0), height=Real(0.1, 10.0), width=Real(0.1, 2.0)),
    function=_welded_beam,
    outcomes=(
        Minimize("cost"),
        AtMost("shear_stress", 13600.0),
        AtMost("bending_stress", 30000.0),
        AtMost("excess_of_weld", 0.0),
        AtMost("material", 5.0),
        AtMost("deflection", 0.25),
        AtLeast("buckling_load", 6000.0),
    ),
    minimum=1.7248523085973648,
    minimizers=(
        {
            "weld": 0.20572963978607944,
            "length": 3.4704886656280016,
            "height": 9.036623910357635,
            "width": 0.20572963978607944,
        },
    ),
)
r"""The cheapest welded beam that carries 6,000 pounds: h and l of the weld, t and b of the bar, in inches.

.. math:: 1.10471\, h^2 l + 0.04811\, t b (14 + l), \quad \tau \le 13600, \quad
          \frac{504000}{b t^2} \le 30000, \quad h \le b, \quad 0.10471\, h^2 + 0.04811\, t b (14 + l) \le 5

.. math:: \frac{2.1952}{t^3 b} \le 0.25, \quad
          \frac{4.013 \cdot 30 \cdot 10^6\, t b^3}{6 \cdot 14^2}
          \left(1 - \frac{t}{28} \sqrt{\tfrac{30}{48}}\right) \ge 6000

.. math:: \tau^2 = \tau_1^2 + \tau_1 \tau_2 \frac{l}{R} + \tau_2^2, \quad \tau_1 = \frac{6000}{\sqrt 2\, h l}, \quad
          \tau_2 = \frac{6000 (14 + l / 2) R}{2 \sqrt 2\, h l (l^2 / 12 + (h + t)^2 / 4)}, \quad
          R^2 = \frac{l^2 + (h + t)^2}{4}

on :math:`0.125 \le h \le 2`, :math:`0.1 \le l, t \le 10`, :math:`0.1 \le b \le 2`. The minimum is 1.724852. The limits
on the two stresses, the weld and the buckling load are active there. The minimum of h is a bound here, and a seventh
limit in other forms. These forms have other minima: 1.6952 with :math:`l^2 / 4` in :math:`\tau_2`, and 1.5871 with 6 as
a factor of the buckling load.
The form of Coello, Use of a Self-Adaptive Penalty Approach for Engineering Optimization Problems, 2000.
"""


def _pressure_vessel(config: Mapping[str, Any]) -> dict[str, Any]:
    xp = namespace(config)
    radius, length = config["radius"], config["length"]
    real = xp.asarray(radius).dtype
    shell, head = (xp.asarray(config[name]).astype(real) / 16 for name in ("shell", "head"))
    return {
        "cost": 0.6224 * shell * radius * length
        + 1.7781 * head * radius**2
        + 3.1661 * shell**2 * length
        + 19.84 * shell**2 * radius,
        "least_shell": 0.0193 * radius - shell,
        "least_head": 0.00954 * radius - head,
        "volume": math.pi * radius**2 * length + 4 / 3 * math.pi * radius**3,
    }


pressure_vessel = ConstrainedProblem(
    name="pressure_vessel",
    space=Space(shell=Integer(1, 99), head=Integer(1, 99), radius=Real(10.0, 200.0), length=Real(10.0, 200.0)),
    function=_pressure_vessel,
    outcomes=(
        Minimize("cost"),
        AtMost("least_shell", 0.0),
        AtMost("least_head", 0.0),
        AtLeast("volume", 1296000.0),
    ),
    minimum=6059.714335048436,
    minimizers=({"shell": 13, "head": 7, "radius": 42.09844559585492, "length": 176.63659584243945},),
)
r"""The cheapest pressure vessel: thicknesses of shell and head in sixteenths of an inch, radius and length in inches.

.. math:: 0.6224\, s r l + 1.7781\, h r^2 + 3.1661\, s^2 l + 19.84\, s^2 r, \quad s \ge 0.0193\, r, \quad
          h \ge 0.00954\, r, \quad \pi r^2 l + \tfrac43 \pi r^3 \ge 1296000

with :math:`s, h \in \{1, \dots, 99\} / 16` and :math:`10 \le r, l \le 200`. The minimum is 6059.714, where the limits
on the shell and the volume are active. Here the limits and cost use the same thicknesses. If thicknesses are rounded
only for the cost, 5633.95 can be reached. The limit :math:`l \le 240` of the source is left out, because the bounds
imply it.
The form of Coello, Use of a Self-Adaptive Penalty Approach for Engineering Optimization Problems, 2000, after Kannan
and Kramer, 1994.
"""


def _speed_reducer(config: Mapping[str, Any]) -> dict[str, Any]:
    xp = namespace(config)
    face, module, span1, span2, shaft1, shaft2 = (
        config[name] for name in ("face", "module", "span1", "span2", "shaft1", "shaft2")
    )
    teeth = xp.asarray(config["teeth"]).astype(xp.asarray(face).dtype)
    gear = 0.7854 * face * module**2 * (3.3333 * teeth**2 + 14.9334 * teeth - 43.0934)
    shafts = -1.508 * face * (shaft1**2 + shaft2**2) + 7.4777 * (shaft1**3 + shaft2**3)
    return {
        "weight": gear + shafts + 0.7854 * (span1 * shaft1**2 + span2 * shaft2**2),
        "tooth_bending": 27 / (face * module**2 * teeth),
        "contact_stress": 397.5 / (face * module**2 * teeth**2),
        "deflection1": 1.93 * span1**3 / (module * teeth * shaft1**4),
        "deflection2": 1.93 * span2**3 / (module * teeth * shaft2**4),
        "stress1": xp.sqrt((745 * span1 / (module * teeth)) ** 2 + 16.9e6) / (110 * shaft1**3),
        "stress2": xp.sqrt((745 * span2 / (module * teeth)) ** 2 + 157.5e6) / (85 * shaft2**3),
        "diameter": module * teeth,
        "face_per_module": face / module,
        "space1": 1.5 * shaft1 + 1.9 - span1,
        "space2": 1.1 * shaft2 + 1.9 - span2,
    }


speed_reducer = ConstrainedProblem(
    name="speed_reducer",
    space=Space(
        face=Real(2.6, 3.6),
        module=Real(0.7, 0.8),
        teeth=Integer(17, 28),
        span1=Real(7.3, 8.3),
        span2=Real(7.3, 8.3),
        shaft1=Real(2.9, 3.9),
        shaft2=Real(5.0, 5.5),
    ),
    function=_speed_reducer,
    outcomes=(
        Minimize("weight"),
        *(
            AtMost(name, 1.0)
            for name in ("tooth_bending", "contact_stress", "deflection1", "deflection2", "stress1", "stress2")
        ),
        AtMost("diameter", 40.0),
        AtLeast("face_per_module", 5.0),
        AtMost("space1", 0.0),
        AtMost("space2", 0.0),
    ),
    minimum=2994.4710661468202,
    minimizers=(
        {
            "face": 3.5,
            "module": 0.7,
            "teeth": 17,
            "span1": 7.3,
            "span2": 7.715319911478245,
            "shaft1": 3.350214666096447,
            "shaft2": 5.286654464980222,
        },
    ),
)
r"""The lightest gear box (Golinski): face width, module and teeth of the gears; spans and diameters of two shafts.

.. math:: 0.7854\, x_1 x_2^2 (3.3333\, x_3^2 + 14.9334\, x_3 - 43.0934) - 1.508\, x_1 (x_6^2 + x_7^2)
          + 7.4777 (x_6^3 + x_7^3) + 0.7854 (x_4 x_6^2 + x_5 x_7^2)

.. math:: \frac{27}{x_1 x_2^2 x_3} \le 1, \quad \frac{397.5}{x_1 x_2^2 x_3^2} \le 1, \quad
          \frac{1.93\, x_4^3}{x_2 x_3 x_6^4} \le 1, \quad \frac{1.93\, x_5^3}{x_2 x_3 x_7^4} \le 1

.. math:: \frac{\sqrt{(745\, x_4 / (x_2 x_3))^2 + 16.9 \cdot 10^6}}{110\, x_6^3} \le 1, \quad
          \frac{\sqrt{(745\, x_5 / (x_2 x_3))^2 + 157.5 \cdot 10^6}}{85\, x_7^3} \le 1

.. math:: x_2 x_3 \le 40, \quad \frac{x_1}{x_2} \ge 5, \quad \frac{x_1}{x_2} \le 12, \quad
          1.5\, x_6 + 1.9 \le x_4, \quad 1.1\, x_7 + 1.9 \le x_5

on :math:`[2.6, 3.6] \times [0.7, 0.8] \times \{17, \dots, 28\} \times [7.3, 8.3]^2 \times [2.9, 3.9] \times [5, 5.5]`.
The minimum is 2994.471. With :math:`x_5 \ge 7.8`, which is also published, it is 2996.348. The limit
:math:`x_1 / x_2 \le 12` is left out, because the bounds imply it.
The form of Ray, Golinski's Speed Reducer Problem Revisited, 2003.
"""
