"""Writing beside a file and then taking its place: whole or not at all."""

import os

import pytest

from bench.system.files import replacing


def test_what_was_written_takes_the_place_of_the_file_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "record.json"
    path.write_text("earlier")
    with replacing(path) as new:
        new.write_text("later")
        assert path.read_text() == "earlier"
    assert path.read_text() == "later"
    assert os.listdir(tmp_path) == ["record.json"]


def test_where_writing_fails_the_file_is_as_it_was_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "record.json"
    path.write_text("earlier")
    with pytest.raises(ZeroDivisionError), replacing(path) as new:
        new.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "earlier"
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_written_through(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    path = tmp_path / "reach.csv"
    path.symlink_to(elsewhere)
    with replacing(path) as new:
        new.write_text("numbers")
    assert elsewhere.read_text() == "untouched"
    assert path.read_text() == "numbers" and not path.is_symlink()


def test_two_that_write_the_same_file_at_once_do_not_mix(tmp_path):
    path = tmp_path / "table.csv"
    with replacing(path) as one:
        with replacing(path) as other:
            assert one != other
            one.write_text("one")
            other.write_text("other")
        assert path.read_text() == "other"
    assert path.read_text() == "one"


def test_a_file_is_for_whoever_the_mask_of_the_process_lets(tmp_path):
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "shared") as new:
            new.write_text("for the group")
    finally:
        os.umask(before)
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o640
