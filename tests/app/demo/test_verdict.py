import json

import pytest

from app.demo.verdict import judge, rows
from tests.app.demo.races import headers, meeting, right_answers, send_all


def judged(change=lambda _run, answers: answers):
    """Return the verdict about a meeting whose answers, all of them right, were changed."""
    run = meeting()
    send_all(run, change(run, right_answers(run)))
    return judge(run)


def edited(answer, edit):
    value = json.loads(answer.value)
    edit(value)
    return answer._replace(value=json.dumps(value).encode())


def test_all_is_well_when_every_record_was_answered_once_by_a_whole_ranking():
    assert judged().faults == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda _run, answers: answers[1:], "1 records have no answer"),
        (lambda _run, answers: [*answers, answers[0]], "1 records were answered once more"),
        (lambda _run, answers: [*answers, answers[0]._replace(headers=headers(99_999))], "1 answers are of records"),
        (
            lambda _run, answers: [edited(answers[0], lambda value: value.update(id=1)), *answers[1:]],
            "1 answers are of records",
        ),
        (
            lambda run, answers: [
                edited(answer, lambda value: value["predictions"].pop()) if due.number == 5 else answer
                for due, answer in zip(run.plan, answers, strict=True)
            ],
            "1 rankings lack members",
        ),
        (
            lambda run, answers: [
                answers[0]._replace(headers=answer.headers) if due.number == len(answers) - 1 else answer
                for due, answer in zip(run.plan, answers, strict=True)
            ],
            "1 ends of races did not come out as such",
        ),
    ],
)
def test_whatever_is_wrong_is_said(change, fault):
    assert any(sentence.startswith(fault) for sentence in judged(change).faults)


def test_a_refused_record_is_a_fault_although_it_is_answered():
    run = meeting()
    first, *others = right_answers(run)
    run.refused(first, 150)
    send_all(run, others)
    faults = judge(run).faults
    assert "1 records were refused" in faults
    assert not any("no answer" in fault for fault in faults)


def test_rankings_that_are_always_right_are_found_so_beside_what_anybody_can_say():
    run = meeting(count=4)
    send_all(run)
    best = run.programme.best(lambda _part: None)
    published, so_far, before, gain, ceiling = rows(run, best)
    for figures in (published.score.spearman, published.score.winner):
        assert [figure.mean for figure in figures] == pytest.approx([1] * 5)
    for other in (so_far, before, ceiling):
        assert 0 < other.score.spearman[-1].mean < 1
    assert published.surprise < 0.5  # the chance of the best, whose score is one above the next
    assert gain.score.spearman[-1].mean > 0
    assert so_far.surprise is None


def test_the_table_has_a_line_for_each_way_and_no_ceiling_where_nobody_knows_it():
    run = meeting()
    send_all(run)
    names = ("published ", "order so far ", "order before ", "ceiling ")
    with_it, without = judge(run, run.programme.best(lambda _part: None)).lines, judge(run).lines
    assert [sum(line.startswith(name) for line in with_it) for name in names] == [2, 2, 2, 2]
    assert [sum(line.startswith(name) for line in without) for name in names] == [2, 2, 2, 0]


def test_when_nothing_at_all_came_out_there_is_no_table():
    run = meeting()
    send_all(run, [])
    verdict = judge(run)
    assert verdict.faults[0] == f"{len(run.plan):,} records have no answer"
    assert rows(run) == []
    assert not any("winner" in line for line in verdict.lines)


def test_moments_without_a_ranking_count_for_nobody():
    run = meeting(count=3)
    answers = right_answers(run)
    some = [answer for due, answer in zip(run.plan, answers, strict=True) if due.moment == 0]
    send_all(run, some)
    _, so_far, *_ = rows(run)
    first, *_, whole = so_far.score.spearman
    assert whole.mean == pytest.approx(first.mean)
