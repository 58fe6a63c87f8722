from dataclasses import replace

from app.train.job import rows_from_json, rows_to_json
from app.train.table import table
from models.race.evaluation import Figure, Score
from models.race.study import Row


def row(name, value, *chances):
    figures = tuple(Figure(value + part / 100, value - 0.1, value + 0.1) for part in range(5))
    return Row(name, Score(figures, figures, figures), *chances)


def test_it_has_a_line_for_each_way_and_a_column_for_each_quarter():
    lines = list(table([row("model", 0.5, 1.25, 0.75), row("order so far", 0.25)]))
    assert lines[0] == "Spearman correlation with the finishing order, mean and 95 % interval over races"
    assert lines[1].split("  ")[-1] == "whole race"
    assert lines[2].startswith("model         0.500 [0.400, 0.600]   0.510 [0.400, 0.600]   0.520")
    assert lines[3].startswith("order so far  0.250 [0.150, 0.350]")
    assert lines[5].startswith("winner named")
    assert lines[-1] == "model: log-loss of the winner 1.250; its tips win 54.0% of the time, and it believes 75.0%"


def test_those_who_got_to_the_end_have_figures_of_their_own_where_not_everybody_did():
    everybody = row("model", 0.5)
    others = replace(everybody, score=replace(everybody.score, finished=row("", 0.75).score.finished))
    title = "Spearman correlation among those alone who got to the end, mean and 95 % interval over races"
    assert title not in list(table([everybody]))
    lines = list(table([others]))
    assert lines[lines.index(title) + 2].startswith("model  0.750 [0.650, 0.850]")


def test_figures_without_data_do_not_make_those_who_got_to_the_end_others_than_everybody():
    def empty():
        return tuple(Figure(float("nan"), float("nan"), float("nan")) for _ in range(5))

    lines = list(table([Row("model", Score(empty(), empty(), empty()))]))
    assert lines[2].split() == ["model", *["none"] * 5]
    assert not [line for line in lines if "got to the end" in line]


def test_figures_survive_the_way_between_processes():
    rows = [row("model", 0.5, 1.25, 0.75), row("order so far", 0.25)]
    assert rows_from_json(rows_to_json(rows)) == rows
