from app.demo.meeting import Answer
from tests.app.demo.races import headers, meeting, right_answers, send_all


def test_everything_that_comes_out_is_counted():
    run = meeting()
    send_all(run)
    tally = run.tally
    assert tally.complete
    assert (tally.missing, tally.repeated, tally.foreign, tally.unended, run.published.incomplete) == (0,) * 5
    assert (tally.rankings, tally.tombstones) == (len(run.plan) - 2, 2)
    assert run.model == "race 3"


def test_records_that_were_superseded_are_answered_by_the_one_that_names_them():
    run = meeting()
    last = max(due.number for due in run.plan if due.value)
    answers = right_answers(run)
    newest = answers[last]._replace(headers=headers(last, superseded=f"3-{last - 1}"))
    send_all(run, [*answers[:3], newest, *answers[last + 1 :]])
    ended_before = sum(due.ends_race for due in run.plan[:last])
    assert run.tally.complete
    assert run.tally.superseded == last - 3
    assert run.tally.unended == ended_before


def test_a_ranking_that_comes_again_changes_no_race():
    run = meeting()
    send_all(run)
    before = run.published.strengths(0)[0].tolist()
    run.came_out(right_answers(run)[0], 300)
    assert run.tally.repeated == 1
    assert run.published.strengths(0)[0].tolist() == before


def test_a_dead_letter_is_an_answer_and_may_name_superseded_ones_too():
    run = meeting()
    run.refused(Answer(b"race-1", headers(1, superseded="0"), b"{}"), 200)
    assert (run.tally.dead_letters, run.tally.superseded) == (1, 1)


def test_an_answer_of_an_earlier_meeting_is_foreign():
    run = meeting(first_id=1000)
    earlier = right_answers(meeting())[0]
    send_all(run, [*right_answers(run), earlier._replace(headers=headers(99_999))])
    assert run.tally.foreign == 1


def test_a_race_is_shown_until_it_ends_and_then_the_one_that_began_last():
    run = meeting(count=4, lanes=3)
    shown, over, began = [], set(), []
    for due in run.plan:
        run.sent(due, 100)
        run.placed(due, (0, due.number))
    for due, answer in zip(run.plan, right_answers(run), strict=True):
        run.came_out(answer, 200)
        over |= {due.race} if due.ends_race else set()
        began += [due.race] if due.race not in began else []
        name = run.view(200).race.name
        if not shown or name != shown[-1]:
            assert not shown or int(shown[-1].removeprefix("race-")) - 1 in over
            newest = [race for race in began if race not in over][-1]
            assert name == f"race-{newest + 1}"
            shown.append(name)
    assert len(shown) > 1
