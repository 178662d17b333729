"""Corpora: found, refused, downloaded and read, with made-up files, and with the real ones where a mirror is."""

import email.message
import gzip
import hashlib
import io
import os
import re
import ssl
import urllib.request
import urllib.response
from collections import Counter
from pathlib import Path

import pytest

from bench.data import corpora, text
from bench.errors import DataError, DataUnavailable, UserError

TEXT = gzip.compress("ein Hund\n".encode(), mtime=0)
CORPUS = corpora.Corpus(
    name="toy",
    description="made up",
    licence="none needed",
    addresses=("https://one.invalid/raw/", "https://two.invalid/raw/"),
    files={"train.de.gz": hashlib.sha256(TEXT).hexdigest()},
    largest=1000,
)
FILE = "train.de.gz"


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """Neither the user's cache nor the network, whatever a test does."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    monkeypatch.delenv("BENCH_MIRROR", raising=False)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(corpora, "corpora", lambda: {"toy": CORPUS})


def put(root: Path, content: bytes = TEXT) -> Path:
    path = root / "toy" / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


class Served(urllib.request.BaseHandler):
    """Answers instead of the network: address to (status, headers, body) or an exception; remembers what was asked."""

    handler_order = 100

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def https_open(self, request):
        self.asked.append(request.full_url)
        answer = self.answers[request.full_url]
        if isinstance(answer, Exception):
            raise answer
        status, fields, body = answer
        headers = email.message.Message()
        for key, value in fields.items():
            headers[key] = value
        response = urllib.response.addinfourl(io.BytesIO(body), headers, request.full_url, status)
        response.msg = str(status)
        return response

    http_open = https_open


@pytest.fixture
def serve(monkeypatch):
    """serve({address: answer}) -> Served; the real opener with its network replaced."""
    monkeypatch.setenv("BENCH_OFFLINE", "0")
    build = corpora.https_opener

    def start(answers):
        served = Served(answers)

        def opener():
            director = build()
            director.add_handler(served)
            return director

        monkeypatch.setattr(corpora, "https_opener", opener)
        return served

    return start


def one_line(error) -> str:
    text = str(error.value)
    assert text and "\n" not in text
    return text


def left_behind(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


# Where files are


def test_cache_comes_before_mirrors_and_mirrors_in_their_order(monkeypatch, tmp_path):
    first, second = put(tmp_path / "first"), put(tmp_path / "second")
    mirrors = ["", *(str(tmp_path / name) for name in ("none", "first", "second"))]
    monkeypatch.setenv("BENCH_MIRROR", os.pathsep.join(mirrors))
    assert corpora.obtain(CORPUS, FILE) == first
    first.unlink()
    assert corpora.obtain(CORPUS, FILE) == second
    cached = put(tmp_path / "cache")
    assert corpora.obtain(CORPUS, FILE) == cached


@pytest.mark.parametrize("where", ["cache", "mirror"])
def test_a_broken_copy_is_an_error_and_nothing_else_is_tried(monkeypatch, tmp_path, serve, where):
    broken = put(tmp_path / where, b"not it")
    put(tmp_path / "second")
    monkeypatch.setenv("BENCH_MIRROR", os.pathsep.join([str(tmp_path / "mirror"), str(tmp_path / "second")]))
    served = serve({CORPUS.addresses[0] + FILE: (200, {}, TEXT)})
    with pytest.raises(DataError) as error:
        corpora.obtain(CORPUS, FILE)
    message = one_line(error)
    assert not isinstance(error.value, DataUnavailable)
    assert str(broken) in message and "delete" in message
    assert hashlib.sha256(b"not it").hexdigest()[:16] in message and CORPUS.files[FILE][:16] in message
    assert served.asked == []


def test_a_link_to_nowhere_is_broken_not_missing(monkeypatch, tmp_path):
    (tmp_path / "mirror" / "toy").mkdir(parents=True)
    (tmp_path / "mirror" / "toy" / FILE).symlink_to(tmp_path / "gone")
    monkeypatch.setenv("BENCH_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(DataError, match="cannot be read") as error:
        corpora.obtain(CORPUS, FILE)
    assert not isinstance(error.value, DataUnavailable)


def test_missing_says_what_to_fetch_and_where_to_put_it(tmp_path):
    with pytest.raises(DataUnavailable) as error:
        corpora.obtain(CORPUS, FILE)
    message = one_line(error)
    assert FILE in message and CORPUS.addresses[0] + FILE in message and str(tmp_path / "cache" / "toy") in message
    assert "BENCH_OFFLINE" in message
    assert not (tmp_path / "cache").exists()


def test_offline_asks_nobody(monkeypatch, serve):
    served = serve({})
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    with pytest.raises(DataUnavailable):
        corpora.obtain(CORPUS, FILE)
    assert served.asked == []


def test_cache_folder_from_the_environment(monkeypatch, tmp_path):
    assert corpora.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("BENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert corpora.cache_folder() == tmp_path / "xdg" / "seq2seq-bench"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert corpora.cache_folder() == tmp_path / ".cache" / "seq2seq-bench"


def test_no_home_is_an_error_a_user_can_act_on(monkeypatch):
    monkeypatch.delenv("BENCH_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(UserError, match="BENCH_CACHE"):
        corpora.cache_folder()


# Download


def test_download_is_checked_and_named_and_not_repeated(tmp_path, serve):
    served = serve({CORPUS.addresses[0] + FILE: (200, {}, TEXT)})
    path = corpora.obtain(CORPUS, FILE)
    assert path == tmp_path / "cache" / "toy" / FILE and path.read_bytes() == TEXT
    assert path.stat().st_mode & 0o444 == 0o444
    assert corpora.obtain(CORPUS, FILE) == path
    assert served.asked == [CORPUS.addresses[0] + FILE]
    assert left_behind(tmp_path) == [path]


def test_next_address_when_the_first_has_nothing(serve):
    first, second = (address + FILE for address in CORPUS.addresses)
    served = serve({first: (404, {}, b""), second: (200, {}, TEXT)})
    assert corpora.obtain(CORPUS, FILE).read_bytes() == TEXT
    assert served.asked == [first, second]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, {}, b""), "404"),
        (TimeoutError("timed out"), "timed out"),
        (ssl.SSLError(1, "no such certificate"), "certificate"),
    ],
)
def test_no_answer_is_unavailable_and_says_why(tmp_path, serve, answer, reason):
    serve({address + FILE: answer for address in CORPUS.addresses})
    with pytest.raises(DataUnavailable) as error:
        corpora.obtain(CORPUS, FILE)
    assert reason in one_line(error) and CORPUS.addresses[0] + FILE in str(error.value)
    assert left_behind(tmp_path) == []


def test_what_differs_from_the_checksum_is_not_kept(tmp_path, serve):
    served = serve({address + FILE: (200, {}, b"a login page") for address in CORPUS.addresses})
    with pytest.raises(DataError, match="SHA-256") as error:
        corpora.obtain(CORPUS, FILE)
    assert not isinstance(error.value, DataUnavailable)
    one_line(error)
    assert left_behind(tmp_path) == [] and len(served.asked) == 1


def test_what_is_too_large_is_not_kept(monkeypatch, tmp_path, serve):
    body = b"x" * 1001
    address = CORPUS.addresses[0] + FILE
    serve({address: (200, {}, body)})
    with pytest.raises(DataError, match="more than 1000 bytes"):
        corpora.download(address, tmp_path / FILE, hashlib.sha256(body).hexdigest(), 1000)
    assert left_behind(tmp_path) == []


def test_a_trickle_is_given_up(monkeypatch, tmp_path, serve):
    monkeypatch.setattr(corpora, "DOWNLOAD_SECONDS", -1)
    serve({address + FILE: (200, {}, TEXT) for address in CORPUS.addresses})
    with pytest.raises(DataUnavailable, match="gave up"):
        corpora.obtain(CORPUS, FILE)
    assert left_behind(tmp_path) == []


def test_http_is_refused(tmp_path, serve):
    served = serve({"http://one.invalid/a": (200, {}, TEXT)})
    with pytest.raises(DataError, match="only HTTPS"):
        corpora.download("http://one.invalid/a", tmp_path / "a", CORPUS.files[FILE], 1000)
    assert served.asked == [] and left_behind(tmp_path) == []


def test_a_redirect_is_followed_to_https_alone(tmp_path, serve):
    start, end = "https://one.invalid/a", "://two.invalid/b"
    served = serve({start: (302, {"Location": "https" + end}, b""), "https" + end: (200, {}, TEXT)})
    corpora.download(start, tmp_path / "a", CORPUS.files[FILE], 1000)
    assert served.asked == [start, "https" + end]
    served = serve({start: (302, {"Location": "http" + end}, b""), "http" + end: (200, {}, TEXT)})
    with pytest.raises(DataUnavailable, match="only HTTPS"):
        corpora.download(start, tmp_path / "b", CORPUS.files[FILE], 1000)
    assert served.asked == [start] and not (tmp_path / "b").exists()


def test_the_opener_checks_certificates_and_opens_nothing_but_https(tmp_path):
    opener = corpora.https_opener()
    (https,) = (handler for handler in opener.handlers if isinstance(handler, urllib.request.HTTPSHandler))
    assert https._context.verify_mode == ssl.CERT_REQUIRED and https._context.check_hostname
    (tmp_path / "file").write_text("text")
    for address in ((tmp_path / "file").as_uri(), "data:,text", "http://localhost:1/"):
        with pytest.raises(urllib.error.URLError, match="unknown url type"):
            opener.open(address)


def test_a_cache_that_cannot_be_made_is_named(monkeypatch, tmp_path, serve):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "file" / "below"))
    serve({CORPUS.addresses[0] + FILE: (200, {}, TEXT)})
    with pytest.raises(DataError, match="BENCH_CACHE") as error:
        corpora.obtain(CORPUS, FILE)
    assert str(tmp_path / "file" / "below") in one_line(error)


# The command line


def test_fetch_and_check_say_a_line_a_file(tmp_path, toy, serve):
    serve({CORPUS.addresses[0] + FILE: (200, {}, TEXT)})
    assert list(corpora.check("toy")) == [(False, f"toy/{FILE}: missing")]
    path = tmp_path / "cache" / "toy" / FILE
    assert not path.exists(), "check downloads nothing"
    assert list(corpora.fetch(None)) == [f"toy/{FILE}: ok, {path}"]
    assert list(corpora.check(None)) == [(True, f"toy/{FILE}: ok, {path}")]
    path.write_bytes(b"")
    ((well, line),) = corpora.check("toy")
    assert not well and "broken" in line and str(path) in line
    with pytest.raises(DataError):
        list(corpora.fetch("toy"))


@pytest.mark.parametrize("command", [corpora.fetch, corpora.check])
def test_unknown_corpus_lists_the_known(command):
    with pytest.raises(UserError, match="'multi31k'.*known: .*multi30k"):
        list(command("multi31k"))


def test_descriptions_are_complete():
    assert "multi30k" in corpora.corpora()
    for name, corpus in corpora.corpora().items():
        assert corpus.name == name and corpus.description and corpus.licence and corpus.largest > 0
        assert corpus.addresses and all(re.fullmatch(r"https://\S+/", address) for address in corpus.addresses)
        assert corpus.files and all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in corpus.files.values())
        assert len(set(corpus.files.values())) == len(corpus.files)


# Text


def written(tmp_path: Path, content: bytes, name: str = "text.en.gz") -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("name", ["text.en.gz", "text.en"])
@pytest.mark.parametrize(
    "content",
    [
        "ein Hund\nzwei Hünde \u2028 dort\n",
        "ein Hund\nzwei Hünde \u2028 dort",
        "ein Hund\r\nzwei Hünde \u2028 dort\r\n",
        "\ufeffein Hund\nzwei Hünde \u2028 dort\n",
    ],
    ids=["plain", "no-last-newline", "crlf", "bom"],
)
def test_reads_lines(tmp_path, name, content):
    assert text.read_lines(written(tmp_path, content.encode(), name)) == ["ein Hund", "zwei Hünde \u2028 dort"]


def test_tabs_become_spaces_and_are_counted(tmp_path):
    counts = Counter()
    path = written(tmp_path, b"a\tb\tc\nd e\n\tf\n")
    assert text.read_lines(path, counts) == ["a b c", "d e", " f"]
    assert counts["tabs"] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"a\n\nb\n", "line 2: no text"),
        (b"a\nb\n \t\n", "line 3: no text"),
        (b"\n", "line 1: no text"),
        (b"a\nb\nc\xe4c\nd\n", "line 3: not UTF-8"),
        ("ein Hund\n".encode("utf-16"), "line 1: not UTF-8"),
    ],
    ids=["empty", "bom-alone", "empty-line", "blank-line", "newline-alone", "latin-1", "utf-16"],
)
def test_broken_text_is_an_error_that_names_the_line(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(DataError, match=message) as error:
        text.read_lines(path)
    assert str(path) in one_line(error)


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-9], lambda b: b[:20], lambda b: b"plain", lambda b: b[:12] + b"\xff" * 9 + b[21:]],
    ids=["end-gone", "start-alone", "not-gzip", "overwritten"],
)
def test_a_damaged_gzip_file_is_an_error(tmp_path, damage):
    path = tmp_path / "text.gz"
    path.write_bytes(damage(gzip.compress(b"one line\nand another\n" * 9)))
    with pytest.raises(DataError, match="not a whole gzip file") as error:
        text.read_lines(path)
    assert str(path) in one_line(error)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        text.read_lines(tmp_path / "none.gz")


def test_pairs_are_as_long_as_each_other(tmp_path):
    source, target = written(tmp_path, b"a\tb\nc\n", "x.en.gz"), written(tmp_path, b"d\ne\n", "x.de")
    counts = Counter()
    assert text.read_pair(source, target, counts) == (["a b", "c"], ["d", "e"])
    assert counts["tabs"] == 1
    target.write_bytes(b"d\ne\nf\n")
    with pytest.raises(DataError) as error:
        text.read_pair(source, target)
    message = one_line(error)
    assert f"{source} has 2 lines" in message and f"{target} has 3" in message


# The real files

NAMED = [Path(folder) for folder in os.environ.get("BENCH_MIRROR", "").split(os.pathsep) if folder]
MIRRORS = [folder for folder in NAMED or [Path(__file__).parents[3] / "shared" / "data"] if folder.is_dir()]


@pytest.fixture
def mirror(monkeypatch):
    """The mirror's folders. Skips where there is none, and, but for CI, where there is one without this corpus."""
    if not MIRRORS or ("CI" not in os.environ and not any((folder / "multi30k").is_dir() for folder in MIRRORS)):
        pytest.skip("no mirror of the corpora: BENCH_MIRROR")
    monkeypatch.setenv("BENCH_MIRROR", os.pathsep.join(map(str, MIRRORS)))


def test_the_mirror_is_whole(mirror):
    lines = list(corpora.check("multi30k"))
    assert len(lines) == 22
    assert [line for well, line in lines if not well] == []


@pytest.mark.parametrize("language", ["en", "de", "fr", "cs"])
def test_every_side_has_as_many_lines_as_published(mirror, language):
    expected = {"train": 29000, "val": 1014, "test_2016_flickr": 1000, "test_2018_flickr": 1071}
    if language != "cs":
        expected |= {"test_2017_flickr": 1000, "test_2017_mscoco": 461}
    corpus = corpora.corpora()["multi30k"]
    found = {
        file.split(".")[0]: len(text.read_lines(corpora.obtain(corpus, file)))
        for file in corpus.files
        if file.endswith(f".{language}.gz")
    }
    assert found == expected


def test_the_german_training_side_has_one_line_with_a_tab(mirror):
    counts = Counter()
    text.read_lines(corpora.obtain(corpora.corpora()["multi30k"], "train.de.gz"), counts)
    assert counts["tabs"] == 1
