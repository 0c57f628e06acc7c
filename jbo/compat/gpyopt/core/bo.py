"""The module where GPyOpt defines `BO`."""

from jbo.compat.gpyopt._bo import BO as BO
