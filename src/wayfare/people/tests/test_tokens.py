"""One person is found under every spelling of their name, others are not, and tokens tell nothing without the keys."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wayfare.people import tokens
from wayfare.people.births import Birth, Told
from wayfare.people.names import Name, Names, Part, Written
from wayfare.people.spelling import HEARD, alike, bones, heard_as, near, near_bones, perhaps_long, words
from wayfare.people.tokens import asked, of_birth, of_names, ranked

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


STANDARDS = {
    # Romanization of Arabic, BGN/PCGN 1956 system.
    "BGN/PCGN 1956": "Muḩammad=محمد|Khālid=خالد|Yūsuf=يوسف|‘Abd ar Raḩmān=عبد الرحمن|Ḩusayn=حسين|Fāţimah=فاطمة|Ţāriq=طارق"
    "|Ghālib=غالب|Sharīf=شريف|Jamāl=جمال|Thāmir=ثامر|Qāsim=قاسم|Nūr ad Dīn=نور الدين|Ḩabīb Allāh=حبيب الله",
    # Romanization of Persian, BGN/PCGN 1958 system.
    "BGN/PCGN 1958": "Ḩoseyn=حسین|Moḩammad Reẕā=محمدرضا|Reẕā Şādeqī=رضا صادقی|Qāsem=قاسم|Gholāmḩoseyn=غلامحسین"
    "|Parvīz=پرویز|Bīzhan=بیژن|Vaḩīd=وحید|‘Alīreẕā=علیرضا",
    # ISO 233:1984, Arabic to Latin.
    "ISO 233": "ẖālid=خالد|ǧamāl=جمال|šarīf=شريف|ġālib=غالب|ḥusayn=حسين|ṯāmir=ثامر|ḍiyāʾ=ضياء|ṭāriq=طارق",
    # ICAO Doc 9303-3, 6.C: Arabic in the machine-readable zone.
    "ICAO Arabic": "MXHMD=محمد|XKHALD=خالد|YWSF=يوسف|XHSYN=حسين|FAXTTMXAH=فاطمة|QASM=قاسم|ABW<BKR=أبو بكر|XSHRYF=شريف"
    "|RXDZA=رضا|XTHAMR=ثامر|ALRAZY=الرازي",
    # ICAO Doc 9303-3, 6.B: Cyrillic in the machine-readable zone.
    "ICAO Cyrillic": "IULIIA=Юлия|SERGEI=Сергей|SHCHERBAKOV=Щербаков|IUSUF=Юсуф|KHASAN=Хасан|ZHUKOV=Жуков|HRYHORII=Григорій"
    "|MYKHAILO=Михайло|DZHAMSHYD=Джамшид",
    # Romanization of Russian, BGN/PCGN 1947; of Ukrainian, 2019 agreement.
    "BGN/PCGN Cyrillic": "Yuliya=Юлия|Sergey=Сергей|Shcherbakov=Щербаков|Yel’tsin=Ельцин|Khasan=Хасан|Zhukov=Жуков"
    "|Yevhen=Євген|Hryhorii=Григорій",
    # ISO 9:1995, Cyrillic to Latin.
    "ISO 9": "Ûliâ=Юлия|Ŝerbakov=Щербаков|Hasan=Хасан|Žukov=Жуков|Ščerbina=Щербина|Ûsuf=Юсуф",
    # Arabic and Cyrillic for the same names, as a person from Central Asia may have both on documents.
    "both": "محمد=Мухаммад|حسين=Хусейн|يوسف=Юсуф|خالد=Халид|جمشید=Джамшид",
}
PAIRS = [(source, *pair.split("=")) for source, pairs in STANDARDS.items() for pair in pairs.split("|")]


@pytest.mark.parametrize(("source", "one", "other"), PAIRS)
def test_a_standard_s_spelling_and_the_own_script_find_each_other(source, one, other):
    assert score(one, other) >= tokens.LEAST, source
    assert score(other, one) >= tokens.LEAST, source


APART = (
    "محمد=خالد|محمد=Ahmed|حسين=Yusuf Karimi|فاطمة=Leila|يوسف=Yasmin|Сергей=Жуков|Хасан=Юсуф|Юлия=Oleksandr|قاسم=Walid|رضا=Omar"
    "|Тарас=Борис|شريف=Ghalib|جمال=Parviz|عبد الرحمن=عبد اللطيف|Abdullah=Abdulrahman|الرازي=القحطاني|طارق=Mustafa"
    "|MXHMD=خالد|Mikhail=Григорій|نور الدين=Habibullah"
)


@pytest.mark.parametrize("pair", APART.split("|"))
def test_other_names_are_not_found_in_another_script(pair):
    one, other = pair.split("=")
    assert score(one, other) == 0.0
    assert score(other, one) == 0.0


def test_the_vowels_that_are_written_tell_names_of_the_same_bones_apart():
    assert score("Mahmoud", "محمود") > score("Mohammed", "محمود") > 0
    assert score("Mohammed", "محمد") > score("Mahmoud", "محمد") > 0
    assert score("Walid", "وليد") == score("Oualid", "وليد")


def test_a_joined_name_and_its_parts_find_each_other_in_any_script():
    for one, other in (("Mohammad Reza", "محمدرضا"), ("Noureddine", "نور الدين"), ("Bendjemil", "بن جميل")):
        assert score(one, other) >= tokens.LEAST
        assert score(other, one) >= tokens.LEAST


def test_an_initial_takes_little_away():
    assert 1.0 > score("Diana P Kofron", "Diana Paige Kofron") > score("Diana Peter Kofron", "Diana Paige Kofron")


def test_who_scores_far_less_than_the_best_is_not_shown():
    query = asked("Khaled Karimi")
    kept = [set(query.texts()) & of_names(named(name), Birth()) for name in ("Khaled Karimi", "Khaled Anders")]
    best, weak = ({UUID(int=n): texts} for n, texts in enumerate(kept))
    assert [one.person for one in ranked(query, best | weak, 10)] == list(best)
    assert [one.person for one in ranked(query, weak, 10)] == list(weak)


def searched(text, *registered, born=None):
    """Return who of some registered names is found, best first, and how much of the search each matches."""
    query = asked(text, born)
    kept = {UUID(int=n): set(query.texts()) & of_names(named(one), Birth()) for n, one in enumerate(registered, 1)}
    found = ranked(query, {person: texts for person, texts in kept.items() if texts}, 20)
    return [(registered[one.person.int - 1], one.match) for one in found]


MOHAMED = ("Mohamed Ahmed", "Mohammad Ahmad", "محمد")


@pytest.mark.parametrize("text", ["Mohamed", "Mohammad", "Mohamad", "Muhammad", "محمد", "Mouhamed"])
def test_a_name_as_it_is_spelled_hides_no_other_spelling(text):
    found = searched(text, *MOHAMED)
    assert {name for name, _ in found} == set(MOHAMED)
    exact = [name for name in MOHAMED if text in name]
    assert [name for name, match in found if match == "exact"] == exact
    assert [name for name, _ in found[: len(exact)]] == exact, "exact ones come first"
    assert all(match == "near" for name, match in found[len(exact) :])


def test_with_the_rule_of_before_an_exact_name_hides_the_others(monkeypatch):
    """The control: whom to hide was decided by the score, which knows the spelling."""
    before = [*MOHAMED, "Khaled Anders", "Ahmad"]
    now = {text: searched(text, *before) for text in ("Mohamed", "Mohamad Ahmed", "Ahmad", "Khalid")}
    monkeypatch.setattr(tokens, "_heard_score", lambda _search, of: tokens._sum(of))
    assert all(now[text][: len(found)] == found for text in now for found in [searched(text, *before)]), "none is lost"
    assert "Mohammad Ahmad" not in [name for name, _ in searched("Mohamed", *MOHAMED)]


@pytest.mark.parametrize("spellings", SAME)
def test_every_spelling_finds_all_others_beside_itself(spellings):
    every = spellings.split("|")
    for text in every:
        found = searched(text, *every)
        assert {name for name, _ in found} == set(every), text
        assert (text, "exact") in found


def test_a_result_tells_how_much_of_the_search_it_matches():
    registered = ("Khaled Karimi", "Khalid Karimi", "Khaled Anders")
    assert searched("Khaled Karimi", *registered) == [("Khaled Karimi", "exact"), ("Khalid Karimi", "near")]
    assert searched("Khaled Karimi", "Khaled Anders") == [("Khaled Anders", "part")]
    assert searched("Khaled", "Khaled Karimi", born=Told("gregorian", 1990)) == [("Khaled Karimi", "part")]
    assert searched("Diana P Kofron", "Diana Paige Kofron") == [("Diana Paige Kofron", "exact")]


@given(st.text(HEARD, min_size=1, max_size=8))
def test_bones_at_one_error_and_alike_ones_are_mutual(word):
    assert word not in near_bones(word)
    assert word not in alike(word)
    assert all(word in near_bones(one) for one in list(near_bones(word))[:5])
    assert all(word in alike(one) for one in heard_as(word))


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=14))
def test_what_may_be_written_of_a_latin_word_stays_few(word):
    assert len(perhaps_long(word)) <= 128
    assert all(set(one) <= set(HEARD) | set("iu") for one in perhaps_long(word))


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
    assert of_birth(Birth()) == {"year:unknown"}
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


@given(
    st.lists(st.text("abdfghklmnrstwyzqxv", min_size=1, max_size=40), max_size=9)
    | st.lists(st.text("ابدهوزحطيكلمنسعفصقرشتثخذضظغ", min_size=1, max_size=40), max_size=9)
)
@example(["ال", "سعود"])
def test_the_longest_search_asks_for_no_more_than_the_database_takes(parts):
    """In two epochs at once, as while one is moved to the next."""
    query = asked(" ".join(parts), Told("gregorian", 1990, 5, 7))
    assert 2 * len(query.texts()) <= 40_000
    assert 2 * len(query.worths()) <= 80_000


@given(st.text(max_size=60), st.text(max_size=60))
@example("ال سعود", "ال")
@example("أل", "الـ")
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
