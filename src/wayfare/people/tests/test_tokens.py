"""One person is found under every spelling of their name, others are not, and tokens tell nothing without the keys."""

from __future__ import annotations

import secrets
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.people import tokens
from wayfare.people.births import Birth, Told
from wayfare.people.names import Name, Names, Part, Written
from wayfare.people.spelling import bones, near, words
from wayfare.people.tokens import Keyed, asked, of_birth, of_names, ranked

SAME = (
    "Mohammed|Muhammad|محمد|Mohamad|Mouhamed|مُحَمَّد|محـمـد|MOHAMMED<<<<<",
    "Abdulrahman|Abd al-Rahman|Abdel Rahman|Abdurrahman|عبد الرحمن|عبدالرحمن|Abd-er-Rahman|abdul rahman",
    "Abdullah|Abdallah|عبد الله|عبدالله|Abd Allah|عبد اللّه",
    "Abdellatif|عبد اللطيف|Abd el-Latif|AbdulLatif",
    "Yusuf|Youssef|يوسف|یوسف|Yousif",
    "Khaled|Khalid|خالد|خالِد",
    "Al-Qahtani|القحطاني|القحطانی|Alqahtani|AL<QAHTANI|Qahtani|al qahtani|El-Kahtani",
    "Fatima|Fatimah|فاطمة|فاطمه|Fatma|Fātima",
    "Hussein|Hossein|Husain|حسين|حسین",
    "Walid|Oualid|وليد|Waleed",
    "Leila|Layla|ليلى|لیلا|Laïla",
    "Omar|Umar|عمر|ʿUmar",
    "Gamal|Jamal|جمال|Djamal",
    "Ahmad|Ahmed|أحمد|احمد|آحمد",
    "Kareem|Karim|كريم|کریم",
    "Müller|Mueller|Muller|MULLER",
    "O'Brien|OBrien|O’Brien|O BRIEN|o`brien",
    "Anna-Maria|Anna Maria|ANNA<MARIA|Annamaria",
    "Nguyễn|Nguyen|NGUYEN",
    "Oleksandr|Олександр|Oleksander",
    "Élodie|Elodie|ELODIE",
)


def named(*texts, use="used"):
    return Names(tuple(Name(use, (Written("Zyyy", (Part("whole", text),)),)) for text in texts))


def score(search, *texts, born=None, birth=None):
    """Return what a search gives somebody of these names, 0 if they are no result."""
    birth = birth or Birth()
    query = asked(search, born)
    kept = of_names(named(*texts), birth) | of_birth(birth)
    found = ranked(query, {UUID(int=1): set(query.texts()) & kept}, 10)
    return found[0].score if found else 0.0


@pytest.mark.parametrize("spellings", SAME)
def test_every_spelling_finds_every_other(spellings):
    every = spellings.split("|")
    for one in every:
        for other in every:
            assert score(one, other) >= tokens.LEAST, (one, other, words(one), words(other))


def test_names_of_others_are_not_found():
    """The control: the first spellings, which are of different names, do not find each other."""
    first = [spellings.split("|")[0] for spellings in SAME]
    wrong = [(one, other) for one in first for other in first if one != other and score(one, other)]
    assert wrong == []


@pytest.mark.parametrize(
    "text", ["Ali Hassan Karimi", "Karimi, Ali Hassan", "KARIMI<<ALI<HASSAN<<<<<<<<<", "hassan karimi ali"]
)
def test_the_order_of_names_does_not_matter(text):
    assert score(text, "Ali Hassan Karimi") == 1.0


@pytest.mark.parametrize("typed", ["Karmi", "Kariimi", "Kxrimi", "Kraimi", "Karimy"])
def test_one_typing_error_is_forgiven(typed):
    assert 0.6 < score(typed, "Karimi") < 1.0


def test_the_nearer_ranks_higher():
    exact, spelled, part, other = (
        score("Khaled Karimi", text) for text in ("Khaled Karimi", "Khalid Karimi", "Khaled Anders", "Li Wei")
    )
    assert exact > spelled > part > other == 0


def test_many_spellings_do_not_outrank_one():
    assert score("Khaled", "Khaled", "Khalid", "خالد") == score("Khaled", "Khaled")


DAY = Birth(Told("gregorian", 1990, 5, 7))


@pytest.mark.parametrize(
    ("born", "worth"),
    [
        (Told("gregorian", 1990, 5, 7), 1.0),
        (Told("gregorian", 1990, 5), 1.0),
        (Told("gregorian", 1990), 1.0),
        (Told("gregorian", 1990, 7, 5), 0.625),
        (Told("persian", 1369, 2, 17), 1.0),
        (Told("hijri", 1410, 10, 12), 1.0),
        (Told("hijri", 1410, 10, 11), 1.0),
        (Told("gregorian", 1991), 0.0),
    ],
)
def test_a_birth_is_found_by_what_is_known_of_it_in_any_calendar(born, worth):
    assert score("", "Nur", born=born, birth=DAY) == worth


def test_a_year_alone_keeps_no_month():
    assert of_birth(Birth(Told("gregorian", 1990))) == {"year:1990"}
    assert of_birth(Birth()) == set()
    assert of_birth(Birth(Told("gregorian", 1990, 5))) == {"year:1990", "month:1990-05"}


def test_name_and_birth_together_rank_above_either():
    both = score("Karimi", "Karimi", born=Told("gregorian", 1990), birth=DAY)
    assert both > score("Karimi", "Karimi", born=Told("gregorian", 1980), birth=DAY) > 0


def test_a_person_leaves_few_tokens():
    names = named("محمد علي القحطاني", "Mohammed Ali Al-Qahtani")
    assert len(of_names(names, DAY) | of_birth(DAY)) < 40


def test_titles_are_no_names():
    assert of_names(
        Names((Name("used", (Written("Latn", (Part("title", "Dr"), Part("whole", "Nur"))),)),)), Birth()
    ) == of_names(named("Nur"), Birth())


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_can_be_asked_for_and_kept(one, other):
    for text in (one, other):
        query = asked(text)
        assert all(word for word in words(text))
        if query.words:
            assert score(text, text) == 1.0
        else:
            assert ranked(query, {UUID(int=1): ["word:x"]}, 5) == []
    assert score(f"{one} {other}", other) >= 0


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=10))
def test_near_is_mutual_and_leaves_the_word_out(word):
    around = near(word)
    assert word not in around
    assert all(word in near(one) for one in list(around)[:5] if len(one) >= 4)
    assert near(word[:3]) == set()
    assert all(bones(one) for one in [word])


# Keys ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def keys():
    return secrets.token_bytes(32), secrets.token_bytes(32), secrets.token_bytes(32)


def test_a_token_is_16_bytes_and_its_text_s_alone(keys):
    index, first, second = keys
    texts = [f"word:{n}" for n in range(1000)]
    found = Keyed(index, first).tokens(texts)
    assert len(set(found)) == 1000
    assert {len(one) for one in found} == {16}
    assert Keyed(index, first).tokens(texts) == found
    assert not set(found) & set(Keyed(index, second).tokens(texts))
    assert not set(found) & set(Keyed(second, first).tokens(texts))
    assert Keyed(index, first).tokens([]) == []


def test_kinds_do_not_meet(keys):
    one, other = Keyed(*keys[:2]).tokens(["word:sm", "bones:sm"])
    assert one != other


def test_tokens_move_to_the_next_epoch_without_their_texts(keys):
    index, first, second = keys
    texts = sorted(of_names(named("Mohammed Ali"), DAY))
    old, new = Keyed(index, first), Keyed(index, second)
    assert old.moved(old.tokens(texts), new) == new.tokens(texts)
    stranger = Keyed(b"x" * 32, first)  # whoever moves them needs no index key
    assert stranger.moved(old.tokens(texts), new) == new.tokens(texts)
    assert new.moved(old.tokens(texts), old) != old.tokens(texts)


def test_what_a_token_was_once_it_is_for_ever():
    found = Keyed(bytes(range(32)), bytes(range(32, 64))).tokens(["word:nur", "year:1990"])
    assert [one.hex() for one in found] == ["ce5e31bfbe3c754b9fb5a6a4fd39581c", "ed8fb749c6d90bd78492545a49b94f93"]
