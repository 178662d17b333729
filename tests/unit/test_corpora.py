"""Corpora: found, refused and downloaded, with made-up files, and with the real ones where a mirror is."""

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
from dataclasses import replace
from pathlib import Path

import pytest

from bench.data import text
from bench.data.corpora import download, files, registry
from bench.errors import DataError, DataUnavailable, UserError

TEXT = gzip.compress(b"ein Hund\n", mtime=0)
CORPUS = files.Corpus(
    name="toy",
    description="made up",
    licence="none needed",
    addresses=("https://one.invalid/raw/", "https://two.invalid/raw/"),
    files={"train.de.gz": hashlib.sha256(TEXT).hexdigest()},
    max_bytes=1000,
)
FILE = "train.de.gz"


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """Neither the user's cache nor the network, whatever a test does."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    monkeypatch.delenv("BENCH_MIRROR", raising=False)


TOY = {"toy": CORPUS}


def put(root: Path, content: bytes = TEXT, folder: str = "toy") -> Path:
    path = root / folder / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


class Served(urllib.request.BaseHandler):
    """Answers instead of the network: address to (status, headers, body) or an exception; records requests."""

    handler_order = 100

    def __init__(self, answers):
        self.answers, self.requested = answers, []

    def https_open(self, request):
        self.requested.append(request.full_url)
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
    build = download.https_opener

    def start(answers):
        served = Served(answers)

        def opener():
            director = build()
            director.add_handler(served)
            return director

        monkeypatch.setattr(download, "https_opener", opener)
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
    assert files.obtain(CORPUS, FILE) == first
    first.unlink()
    assert files.obtain(CORPUS, FILE) == second
    cached = put(tmp_path / "cache")
    assert files.obtain(CORPUS, FILE) == cached


@pytest.mark.parametrize("where", ["cache", "mirror"])
def test_a_broken_copy_is_an_error_and_nothing_else_is_tried(monkeypatch, tmp_path, serve, where):
    broken = put(tmp_path / where, b"not it")
    put(tmp_path / "second")
    monkeypatch.setenv("BENCH_MIRROR", os.pathsep.join([str(tmp_path / "mirror"), str(tmp_path / "second")]))
    served = serve({CORPUS.addresses[0] + FILE: (200, {}, TEXT)})
    with pytest.raises(DataError) as error:
        files.obtain(CORPUS, FILE)
    message = one_line(error)
    assert not isinstance(error.value, DataUnavailable)
    assert str(broken) in message and "delete" in message
    assert hashlib.sha256(b"not it").hexdigest()[:16] in message and CORPUS.files[FILE][:16] in message
    assert served.requested == []


def test_a_link_to_nowhere_is_broken_not_missing(monkeypatch, tmp_path):
    (tmp_path / "mirror" / "toy").mkdir(parents=True)
    (tmp_path / "mirror" / "toy" / FILE).symlink_to(tmp_path / "gone")
    monkeypatch.setenv("BENCH_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(DataError, match="cannot be read") as error:
        files.obtain(CORPUS, FILE)
    assert not isinstance(error.value, DataUnavailable)


def test_missing_says_what_to_fetch_and_where_to_put_it(tmp_path):
    with pytest.raises(DataUnavailable) as error:
        files.obtain(CORPUS, FILE)
    message = one_line(error)
    assert FILE in message and CORPUS.addresses[0] + FILE in message and str(tmp_path / "cache" / "toy") in message
    assert "BENCH_OFFLINE" in message
    assert not (tmp_path / "cache").exists()


def test_offline_asks_nobody(monkeypatch, serve):
    served = serve({})
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    with pytest.raises(DataUnavailable):
        files.obtain(CORPUS, FILE)
    assert served.requested == []


def test_cache_folder_from_the_environment(monkeypatch, tmp_path):
    assert files.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("BENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert files.cache_folder() == tmp_path / "xdg" / "seq2seq-bench"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.cache_folder() == tmp_path / ".cache" / "seq2seq-bench"


def test_no_home_is_an_error_a_user_can_act_on(monkeypatch):
    monkeypatch.delenv("BENCH_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(UserError, match="BENCH_CACHE"):
        files.cache_folder()


# Download


def test_download_is_checked_and_named_and_not_repeated(tmp_path, serve):
    served = serve({CORPUS.addresses[0] + FILE: (200, {}, TEXT)})
    path = files.obtain(CORPUS, FILE)
    assert path == tmp_path / "cache" / "toy" / FILE and path.read_bytes() == TEXT
    assert path.stat().st_mode & 0o444 == 0o444
    assert files.obtain(CORPUS, FILE) == path
    assert served.requested == [CORPUS.addresses[0] + FILE]
    assert left_behind(tmp_path) == [path]


def test_next_address_when_the_first_has_nothing(serve):
    first, second = (address + FILE for address in CORPUS.addresses)
    served = serve({first: (404, {}, b""), second: (200, {}, TEXT)})
    assert files.obtain(CORPUS, FILE).read_bytes() == TEXT
    assert served.requested == [first, second]


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
        files.obtain(CORPUS, FILE)
    assert reason in one_line(error) and CORPUS.addresses[0] + FILE in str(error.value)
    assert left_behind(tmp_path) == []


def test_what_differs_from_the_checksum_is_not_kept(tmp_path, serve):
    served = serve({address + FILE: (200, {}, b"a login page") for address in CORPUS.addresses})
    with pytest.raises(DataError, match="SHA-256") as error:
        files.obtain(CORPUS, FILE)
    assert not isinstance(error.value, DataUnavailable)
    one_line(error)
    assert left_behind(tmp_path) == [] and len(served.requested) == 1


def test_what_is_too_large_is_not_kept(monkeypatch, tmp_path, serve):
    body = b"x" * 1001
    address = CORPUS.addresses[0] + FILE
    serve({address: (200, {}, body)})
    with pytest.raises(DataError, match="more than 1000 bytes"):
        download.download(address, tmp_path / FILE, hashlib.sha256(body).hexdigest(), 1000)
    assert left_behind(tmp_path) == []


def test_a_trickle_is_given_up(monkeypatch, tmp_path, serve):
    monkeypatch.setattr(download, "DOWNLOAD_SECONDS", -1)
    serve({address + FILE: (200, {}, TEXT) for address in CORPUS.addresses})
    with pytest.raises(DataUnavailable, match="gave up"):
        files.obtain(CORPUS, FILE)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("corpus", [CORPUS, replace(CORPUS, files={FILE: None})], ids=["known", "unknown checksum"])
@pytest.mark.parametrize("kept", [0, 1, len(TEXT) - 1])
def test_a_download_that_breaks_off_leaves_nothing(tmp_path, serve, corpus, kept):
    """Nor its checksum as that of the file, where none is published."""
    served = serve({each + FILE: (200, {"Content-Length": str(len(TEXT))}, TEXT[:kept]) for each in CORPUS.addresses})
    with pytest.raises(DataUnavailable, match=f"broke off after {kept} of {len(TEXT)} bytes") as error:
        files.obtain(corpus, FILE)
    one_line(error)
    assert left_behind(tmp_path) == [] and len(served.requested) == 2


@pytest.mark.parametrize(
    "body", [b"another", b"x" * 2000, TEXT[:-1]], ids=["other content", "too large", "broken off"]
)  # fmt: skip
def test_a_good_file_is_not_replaced_by_a_bad_one(tmp_path, serve, body):
    target, address = put(tmp_path / "cache"), CORPUS.addresses[0] + FILE
    serve({address: (200, {}, body)})
    with pytest.raises(DataError):
        download.download(address, target, CORPUS.files[FILE], 1000)
    assert target.read_bytes() == TEXT and left_behind(tmp_path) == [target]


def test_a_link_in_a_files_place_is_replaced_and_not_written_through(tmp_path, serve):
    outside, target, address = tmp_path / "outside", tmp_path / "cache" / FILE, CORPUS.addresses[0] + FILE
    outside.write_bytes(b"mine")
    target.parent.mkdir()
    target.symlink_to(outside)
    serve({address: (200, {}, TEXT)})
    download.download(address, target, CORPUS.files[FILE], 1000)
    assert outside.read_bytes() == b"mine" and not target.is_symlink() and target.read_bytes() == TEXT


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://one.invalid/a", "data:,text", "HTTP://one.invalid/a", "/a"]
)
def test_other_kinds_of_addresses_are_refused(tmp_path, serve, address):
    served = serve({address: (200, {}, TEXT)})
    with pytest.raises(DataError, match="only HTTPS"):
        download.download(address, tmp_path / "a", CORPUS.files[FILE], 1000)
    for to in (address, "//two.invalid/b", "file:///etc/passwd"):
        start = "https://one.invalid/a"
        served = serve({start: (302, {"Location": to}, b""), "http:" + to: (200, {}, TEXT)})
        with pytest.raises((DataError, KeyError)):
            download.download(start, tmp_path / "a", CORPUS.files[FILE], 1000)
        assert all(each.startswith("https://") for each in served.requested)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "..", ".", "", "a//b", "a\\b", "a\nb", ".hidden", "a/."]
)
def test_a_description_names_files_of_its_own_folder_alone(name):
    with pytest.raises(ValueError, match="cannot be the name"):
        replace(CORPUS, files={name: None})
    with pytest.raises(ValueError, match="cannot be the name"):
        replace(CORPUS, name=name)


def test_http_is_refused(tmp_path, serve):
    served = serve({"http://one.invalid/a": (200, {}, TEXT)})
    with pytest.raises(DataError, match="only HTTPS"):
        download.download("http://one.invalid/a", tmp_path / "a", CORPUS.files[FILE], 1000)
    assert served.requested == [] and left_behind(tmp_path) == []


def test_a_redirect_is_followed_to_https_alone(tmp_path, serve):
    start, end = "https://one.invalid/a", "://two.invalid/b"
    served = serve({start: (302, {"Location": "https" + end}, b""), "https" + end: (200, {}, TEXT)})
    download.download(start, tmp_path / "a", CORPUS.files[FILE], 1000)
    assert served.requested == [start, "https" + end]
    served = serve({start: (302, {"Location": "http" + end}, b""), "http" + end: (200, {}, TEXT)})
    with pytest.raises(DataUnavailable, match="only HTTPS"):
        download.download(start, tmp_path / "b", CORPUS.files[FILE], 1000)
    assert served.requested == [start] and not (tmp_path / "b").exists()


def test_the_opener_checks_certificates_and_opens_nothing_but_https(tmp_path):
    opener = download.https_opener()
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
        files.obtain(CORPUS, FILE)
    assert str(tmp_path / "file" / "below") in one_line(error)


# A file of which nobody has published a checksum

UNKNOWN = replace(CORPUS, files={FILE: None})


def written_down(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "toy" / f"{FILE}.sha256"


def test_the_first_download_is_written_down_and_asked_of_later_ones(tmp_path, serve):
    address = CORPUS.addresses[0] + FILE
    serve({address: (200, {}, TEXT)})
    assert files.known_checksum(UNKNOWN, FILE) is None
    path = files.obtain(UNKNOWN, FILE)
    assert path.read_bytes() == TEXT
    assert written_down(tmp_path).read_text() == f"{CORPUS.files[FILE]}  {FILE}\n"
    assert files.known_checksum(UNKNOWN, FILE) == CORPUS.files[FILE]
    path.write_bytes(b"another")
    with pytest.raises(DataError, match="SHA-256"):
        files.obtain(UNKNOWN, FILE)
    path.unlink()
    serve({address: (200, {}, b"another")})
    with pytest.raises(DataError, match="SHA-256"):
        files.obtain(UNKNOWN, FILE)
    assert left_behind(tmp_path) == [written_down(tmp_path)]


def test_the_first_copy_found_is_written_down(monkeypatch, tmp_path):
    path = put(tmp_path / "mirror")
    monkeypatch.setenv("BENCH_MIRROR", str(tmp_path / "mirror"))
    ((well, line),) = registry.check("toy", {"toy": UNKNOWN})
    assert well and "no published checksum" in line
    path.write_bytes(b"another")
    ((well, line),) = registry.check("toy", {"toy": UNKNOWN})
    assert not well and "broken" in line


def test_a_checksum_that_the_user_knows_is_asked_of_the_first_copy(tmp_path):
    path = put(tmp_path / "cache", b"another")
    written_down(tmp_path).write_text(CORPUS.files[FILE])
    with pytest.raises(DataError, match="SHA-256"):
        files.obtain(UNKNOWN, FILE)
    path.write_bytes(TEXT)
    assert files.obtain(UNKNOWN, FILE) == path


@pytest.mark.parametrize("content", [b"", b"no checksum\n", b"\xff"])
def test_what_is_written_down_has_to_be_a_checksum(tmp_path, content):
    put(tmp_path / "cache")
    written_down(tmp_path).write_bytes(content)
    with pytest.raises(DataError) as error:
        files.obtain(UNKNOWN, FILE)
    assert str(written_down(tmp_path)) in one_line(error)


def test_missing_says_that_no_checksum_is_known():
    with pytest.raises(DataUnavailable, match=f"no SHA-256 is published.*{re.escape(FILE)}.sha256"):
        files.obtain(UNKNOWN, FILE)


# The command line


def test_fetch_and_check_say_a_line_a_file(tmp_path, serve):
    serve({CORPUS.addresses[0] + FILE: (200, {}, TEXT)})
    assert list(registry.check("toy", TOY)) == [(False, f"toy/{FILE}: missing")]
    path = tmp_path / "cache" / "toy" / FILE
    assert not path.exists(), "check downloads nothing"
    assert list(registry.fetch(None, TOY)) == [f"toy/{FILE}: ok, {path}"]
    assert list(registry.check(None, TOY)) == [(True, f"toy/{FILE}: ok, {path}")]
    path.write_bytes(b"")
    ((well, line),) = registry.check("toy", TOY)
    assert not well and "broken" in line and str(path) in line
    with pytest.raises(DataError):
        list(registry.fetch("toy", TOY))


def test_of_all_corpora_those_that_are_not_here_are_no_failure(tmp_path):
    other = replace(CORPUS, name="other", files={FILE: CORPUS.files[FILE], "val.de.gz": "0" * 64})
    untried = replace(CORPUS, name="untried", tested=False)
    known = {"toy": CORPUS, "other": other, "untried": untried}
    assert list(registry.check(known=known)) == [
        (True, f"{name}: no local files; `bench data fetch {name}` fetches it") for name in ("toy", "other", "untried")
    ]
    put(tmp_path / "cache", folder="other")
    lines = list(registry.check(known=known))
    assert [well for well, _ in lines] == [True, True, False, True] and lines[2][1] == "other/val.de.gz: missing"
    assert list(registry.check("untried", known)) == [(False, f"untried/{FILE}: missing")]


def test_what_was_never_tried_is_fetched_by_name_alone(tmp_path, serve):
    untried = replace(CORPUS, name="untried", tested=False)
    known = {"untried": untried}
    served = serve({CORPUS.addresses[0] + FILE: (200, {}, TEXT)})
    assert list(registry.fetch(known=known)) == ["untried: left out, untested; `bench data fetch untried` fetches it"]
    assert served.requested == []
    assert list(registry.fetch("untried", known)) == [f"untried/{FILE}: ok, {tmp_path / 'cache' / 'untried' / FILE}"]


@pytest.mark.parametrize("command", [registry.fetch, registry.check])
def test_unknown_corpus_lists_the_known(command):
    with pytest.raises(UserError, match="'multi31k'.*known: .*multi30k"):
        list(command("multi31k"))


def test_descriptions_are_complete():
    known_corpora = registry.corpora()
    tried = {name for name, corpus in known_corpora.items() if corpus.tested}
    assert tried == {"multi30k", "tatoeba-deu-eng", "newstest-deu-eng", "tinyshakespeare"}
    assert set(known_corpora) - tried == {"iwslt14-de-en", "iwslt15-en-vi", "wmt14-de-en"}
    for name, corpus in known_corpora.items():
        assert corpus.name == name and corpus.description and corpus.licence and corpus.max_bytes > 0
        assert corpus.addresses and all(re.fullmatch(r"https://\S+/", address) for address in corpus.addresses)
        known = [checksum for checksum in corpus.files.values() if checksum is not None]
        assert all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in known) and len(set(known)) == len(known)
        assert corpus.files and (not corpus.tested or len(known) == len(corpus.files))
        assert corpus.tested != ("untested" in corpus.description)
        assert ("no checksum" in corpus.description) == (len(known) < len(corpus.files))


# The real files


@pytest.mark.parametrize(("name", "files"), [("multi30k", 22), ("tatoeba-deu-eng", 1), ("newstest-deu-eng", 29)])
def test_the_mirror_is_whole(mirror, name, files):
    mirror(name)
    lines = list(registry.check(name))
    assert len(lines) == files
    assert [line for well, line in lines if not well] == []


@pytest.mark.parametrize("language", ["en", "de", "fr", "cs"])
def test_every_side_has_as_many_lines_as_published(mirror, language):
    mirror("multi30k")
    expected = {"train": 29000, "val": 1014, "test_2016_flickr": 1000, "test_2018_flickr": 1071}
    if language != "cs":
        expected |= {"test_2017_flickr": 1000, "test_2017_mscoco": 461}
    corpus = registry.corpora()["multi30k"]
    lengths = {
        file.split(".")[0]: len(text.read_lines(files.obtain(corpus, file)))
        for file in corpus.files
        if file.endswith(f".{language}.gz")
    }
    assert lengths == expected


def test_the_german_training_side_has_one_line_with_a_tab(mirror):
    mirror("multi30k")
    counts = Counter()
    text.read_lines(files.obtain(registry.corpora()["multi30k"], "train.de.gz"), counts)
    assert counts["tabs"] == 1
