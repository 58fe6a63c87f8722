from app.train.progress import Lines, shown_progress


def test_lines_come_now_and_then_but_a_new_step_is_told_at_once(capsys):
    now = 0.0
    tell = Lines(clock=lambda: now)
    for part, words in ((0.0, "reading"), (0.1, "one"), (0.2, "two"), (0.0, "learning"), (0.5, "three")):
        tell(part, words)
    now = 5.0
    tell(0.75, "four")
    assert capsys.readouterr().err.splitlines() == ["  0%  reading", "  0%  learning", " 75%  four"]


def test_where_there_is_no_terminal_it_writes_lines(capsys):
    with shown_progress() as tell:
        tell(0.0, "reading")
    said = capsys.readouterr()
    assert said.err == "  0%  reading\n"
    assert said.out == ""
