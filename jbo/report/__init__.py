"""A report of a study as an HTML page, and a live view in the terminal."""

from jbo.report._command import add_report as add_report
from jbo.report._command import add_watch as add_watch
from jbo.report._page import write_report as write_report
from jbo.report._watch import screen as screen
from jbo.report._watch import watch as watch
