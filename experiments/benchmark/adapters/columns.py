"""Spaces for libraries that support only numbers in [0, 1]: a column for each number and each value of a category."""

import math

import numpy as np


class Columns:
    """Converts between configs and rows of the unit cube; an inactive parameter is put in the middle."""

    def __init__(self, space):
        self.space = space
        self.widths = [len(p["values"]) if p["kind"] == "category" else 1 for p in space]
        self.num_columns = sum(self.widths)

    def encode(self, config):
        row = []
        for p, width in zip(self.space, self.widths, strict=True):
            if p["name"] not in config:
                row += [0.5] * width
            elif p["kind"] == "category":
                row += [float(value == config[p["name"]]) for value in p["values"]]
            else:
                row.append(place(p, config[p["name"]]))
        return np.array(row)

    def decode(self, row):
        config, at = {}, 0
        for p, width in zip(self.space, self.widths, strict=True):
            if p["when"] is None or config.get(p["when"][0]) in p["when"][1]:
                config[p["name"]] = value_at(p, row[at : at + width])
            at += width
        return config


def _ends(p):
    if p["kind"] == "ordinal":
        return 0, len(p["values"]) - 1
    return (math.log(p["low"]), math.log(p["high"])) if p["log"] else (p["low"], p["high"])


def place(p, value):
    low, high = _ends(p)
    number = p["values"].index(value) if p["kind"] == "ordinal" else math.log(value) if p["log"] else value
    return (number - low) / (high - low)


def value_at(p, columns):
    if p["kind"] == "category":
        return p["values"][int(np.argmax(columns))]
    low, high = _ends(p)
    number = low + float(columns[0]) * (high - low)
    if p["kind"] == "ordinal":
        return p["values"][round(number)]
    number = math.exp(number) if p["log"] else number
    if p["kind"] == "integer":
        number = p["low"] + p["step"] * round((number - p["low"]) / p["step"])
        return min(max(number, p["low"]), p["high"])
    return min(max(number, p["low"]), p["high"])
