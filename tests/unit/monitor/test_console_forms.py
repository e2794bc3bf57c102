"""What a person posts: from our own pages only, with a name and a reason that can be kept."""

import pytest

from contracts.health import Request
from monitor.console.forms import FormError, OldPageError, Token, cookie_of, is_cross_site, name_in, named, reasoned

TOKEN = Token()


def post(body: str, kind: str = "application/x-www-form-urlencoded", **headers: str) -> Request:
    named_so = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(
        "POST", "/console/jobs/ask", {"content-type": kind, "host": "127.0.0.1:8081", **named_so}, "127.0.0.1", body.encode()
    )


def test_a_form_of_ours_is_read() -> None:
    fields = TOKEN.read(post(f"token={TOKEN.value}&by=Ada+L%C3%B6f&reason=&x=1", sec_fetch_site="same-origin"))
    assert fields == {"by": "Ada Löf", "reason": "", "x": "1"}


@pytest.mark.parametrize("body", ["", "token=", "token=wrong&by=a", "by=a", "token=é"])
def test_without_our_token_nothing_is_taken(body: str) -> None:
    with pytest.raises(OldPageError, match="load it again") as refused:
        TOKEN.read(post(body))
    assert refused.value.fields == {}
    with pytest.raises(OldPageError):
        Token().read(post(f"token={TOKEN.value}"))


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"origin": "http://127.0.0.1:8081"}, True),
        ({"sec_fetch_site": "none"}, False),
        ({}, False),
    ],
)
def test_what_was_typed_on_an_old_page_of_ours_is_kept(headers: dict[str, str], kept: bool) -> None:
    """Not where nobody says whose page it was: what another site typed would be shown as if a person had."""
    with pytest.raises(OldPageError) as refused:
        TOKEN.read(post("token=old&by=ada&reason=late", **headers))
    assert refused.value.fields == ({"by": "ada", "reason": "late"} if kept else {})


@pytest.mark.parametrize(
    ("headers", "crosses"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "https://proxy.example", "host": "127.0.0.1"}, False),
        ({"origin": "http://127.0.0.1:8081", "host": "127.0.0.1:8081"}, False),
        ({"origin": "http://evil.example", "host": "127.0.0.1:8081"}, True),
        ({"origin": "http://127.0.0.1:9999", "host": "127.0.0.1:8081"}, True),
        ({"origin": "null", "host": "127.0.0.1:8081"}, True),
        ({"origin": "http://[", "host": "127.0.0.1:8081"}, True),
    ],
)
def test_what_another_sites_page_sends_is_told(headers: dict[str, str], crosses: bool) -> None:
    assert is_cross_site(headers) is crosses


def test_another_sites_page_is_refused_with_our_token_too() -> None:
    with pytest.raises(FormError, match="another site") as refused:
        TOKEN.read(post(f"token={TOKEN.value}", sec_fetch_site="cross-site"))
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("request_", "status"),
    [(post("{}", "application/json"), 415), (post("a=%ff"), 400), (post("&".join("a=1" for _ in range(99))), 400)],
)
def test_what_is_no_form_is_refused(request_: Request, status: int) -> None:
    with pytest.raises(FormError) as refused:
        TOKEN.read(request_)
    assert refused.value.status == status


def test_name_and_reason_are_kept_in_one_line_with_whose_key_it_was() -> None:
    assert named({"by": "  Ada \n Löf "}) == "Ada Löf"
    assert named({"by": "Ada"}, "on-call") == "Ada (key on-call)"
    assert len(named({"by": "a" * 114}, "on-call")) == 128
    assert reasoned({"reason": "new\nlamps"}) == "new lamps"
    for fields in ({}, {"by": " "}, {"by": "a" * 200}, {"by": "a\x00b"}, {"by": "a‮b"}):
        with pytest.raises(FormError, match="your name"):
            named(fields)
    with pytest.raises(FormError, match="501 characters"):
        reasoned({"reason": "a" * 501})


@pytest.mark.parametrize("name", ["Ada Löf", "a;b=c", '"><script>'])
def test_a_name_is_remembered(name: str) -> None:
    header, value = cookie_of(name)
    assert header == "Set-Cookie"
    assert "SameSite=Strict; HttpOnly" in value
    assert name_in(Request("GET", "/", {"cookie": f"x=1; {value.partition(';')[0]}"}, "")) == name
    assert name_in(Request("GET", "/", {"cookie": "keepsight-name=%0d%0aSet-Cookie"}, "")) == ""
    assert name_in(Request("GET", "/", {}, "")) == ""
