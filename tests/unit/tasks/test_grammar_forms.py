"""Full paradigms, written out by hand, against the tables and rules that make word forms."""

from __future__ import annotations

import pytest

from bench.tasks.grammar import german_conjugation as conjugation
from bench.tasks.grammar import german_declension as declension
from bench.tasks.grammar.english import indefinite
from bench.tasks.grammar.german_adjectives import adjective_ending
from bench.tasks.grammar.lexicon import lexicon

NOUNS = {noun.german: noun for noun in lexicon().nouns}
VERBS = {(verb.prefix or "") + verb.infinitive: verb for verb in lexicon().verbs}
ADJECTIVES = {adjective.german: adjective for adjective in lexicon().adjectives}

# Nominative, accusative, dative, genitive; singular, then plural. Article, adjective and noun together.
PHRASES = {
    ("the", "alt", "Mann"): "der alte Mann, den alten Mann, dem alten Mann, des alten Mannes; "
    "die alten Männer, die alten Männer, den alten Männern, der alten Männer",
    ("the", "jung", "Frau"): "die junge Frau, die junge Frau, der jungen Frau, der jungen Frau; "
    "die jungen Frauen, die jungen Frauen, den jungen Frauen, der jungen Frauen",
    ("the", "klein", "Kind"): "das kleine Kind, das kleine Kind, dem kleinen Kind, des kleinen Kindes; "
    "die kleinen Kinder, die kleinen Kinder, den kleinen Kindern, der kleinen Kinder",
    ("this", "klug", "Student"): "dieser kluge Student, diesen klugen Studenten, diesem klugen Studenten, "
    "dieses klugen Studenten; diese klugen Studenten, diese klugen Studenten, diesen klugen Studenten, "
    "dieser klugen Studenten",
    ("my", "arm", "Junge"): "mein armer Junge, meinen armen Jungen, meinem armen Jungen, meines armen Jungen; "
    "meine armen Jungen, meine armen Jungen, meinen armen Jungen, meiner armen Jungen",
    ("our", "neu", "Lampe"): "unsere neue Lampe, unsere neue Lampe, unserer neuen Lampe, unserer neuen Lampe; "
    "unsere neuen Lampen, unsere neuen Lampen, unseren neuen Lampen, unserer neuen Lampen",
    ("his", "teuer", "Radio"): "sein teures Radio, sein teures Radio, seinem teuren Radio, seines teuren Radios; "
    "seine teuren Radios, seine teuren Radios, seinen teuren Radios, seiner teuren Radios",
    ("her", "schwarz", "Vogel"): "ihr schwarzer Vogel, ihren schwarzen Vogel, ihrem schwarzen Vogel, "
    "ihres schwarzen Vogels; ihre schwarzen Vögel, ihre schwarzen Vögel, ihren schwarzen Vögeln, "
    "ihrer schwarzen Vögel",
    ("a", "müde", "Bär"): "ein müder Bär, einen müden Bären, einem müden Bären, eines müden Bären; ",
    ("no", "lang", "Brief"): "kein langer Brief, keinen langen Brief, keinem langen Brief, keines langen Briefes; "
    "keine langen Briefe, keine langen Briefe, keinen langen Briefen, keiner langen Briefe",
    ("every", "freundlich", "Nachbar"): "jeder freundliche Nachbar, jeden freundlichen Nachbarn, "
    "jedem freundlichen Nachbarn, jedes freundlichen Nachbarn; ",
    ("all", "rot", "Hut"): "; alle roten Hüte, alle roten Hüte, allen roten Hüten, aller roten Hüte",
    ("many", "interessant", "Buch"): "; viele interessante Bücher, viele interessante Bücher, "
    "vielen interessanten Büchern, vieler interessanter Bücher",
    ("some", "weiß", "Maus"): "; einige weiße Mäuse, einige weiße Mäuse, einigen weißen Mäusen, einiger weißer Mäuse",
    ("bare", "frisch", "Ei"): "; frische Eier, frische Eier, frischen Eiern, frischer Eier",
    ("three", "groß", "Löwe"): "; drei große Löwen, drei große Löwen, drei großen Löwen, drei großer Löwen",
}  # fmt: skip


@pytest.mark.parametrize(("words", "table"), PHRASES.items())
def test_noun_phrases(words: tuple[str, str, str], table: str) -> None:
    det, adjective, noun = words[0], ADJECTIVES[words[1]], NOUNS[words[2]]
    for plural, half in zip((False, True), table.split(";"), strict=True):
        gender = "p" if plural else noun.gender
        for case, wanted in zip(declension.CASES, half.split(",")) if half.strip() else ():
            actual = (
                declension.determiner_form(det, case, gender),
                adjective.stem + adjective_ending(det, case, gender),
                declension.noun_form(noun, case, plural),
            )
            assert " ".join(actual).strip() == wanted.strip()


# Accusative, dative and genitive singular; dative plural.
DECLENSIONS = """
Herr Herrn Herrn Herrn Herren
Bauer Bauern Bauern Bauern Bauern
Kollege Kollegen Kollegen Kollegen Kollegen
Präsident Präsidenten Präsidenten Präsidenten Präsidenten
Affe Affen Affen Affen Affen
Lehrer Lehrer Lehrer Lehrers Lehrern
Arzt Arzt Arzt Arztes Ärzten
Mutter Mutter Mutter Mutter Müttern
Tochter Tochter Tochter Tochter Töchtern
Vater Vater Vater Vaters Vätern
Königin Königin Königin Königin Königinnen
Mädchen Mädchen Mädchen Mädchens Mädchen
Baby Baby Baby Babys Babys
Kamera Kamera Kamera Kamera Kameras
Museum Museum Museum Museums Museen
Haus Haus Haus Hauses Häusern
Stadt Stadt Stadt Stadt Städten
Wagen Wagen Wagen Wagens Wagen
Schlüssel Schlüssel Schlüssel Schlüssels Schlüsseln
Apfel Apfel Apfel Apfels Äpfeln
Hemd Hemd Hemd Hemdes Hemden
Krankenhaus Krankenhaus Krankenhaus Krankenhauses Krankenhäusern
Fahrrad Fahrrad Fahrrad Fahrrads Fahrrädern
Messer Messer Messer Messers Messern
"""


@pytest.mark.parametrize("line", DECLENSIONS.split("\n")[1:-1], ids=lambda line: line.split()[0])
def test_nouns(line: str) -> None:
    nominative, *wanted = line.split()
    noun = NOUNS[nominative]
    actual = [declension.noun_form(noun, case, False) for case in ("acc", "dat", "gen")]
    assert [*actual, declension.noun_form(noun, "dat", True)] == wanted
    assert declension.noun_form(noun, "nom", False) == nominative


# ich, er, wir; ich, er, wir in the preterite; er in a subordinate clause; participle with its auxiliary; infinitive.
CONJUGATIONS = """
schlafen: schlafe schläft schlafen schlief schlief schliefen schläft haben geschlafen schlafen
arbeiten: arbeite arbeitet arbeiten arbeitete arbeitete arbeiteten arbeitet haben gearbeitet arbeiten
füttern: füttere füttert füttern fütterte fütterte fütterten füttert haben gefüttert füttern
aufstehen: stehe steht stehen stand stand standen aufsteht sein aufgestanden aufstehen
aufhören: höre hört hören hörte hörte hörten aufhört haben aufgehört aufhören
zuhören: höre hört hören hörte hörte hörten zuhört haben zugehört zuhören
anhören: höre hört hören hörte hörte hörten anhört haben angehört anhören
einschlafen: schlafe schläft schlafen schlief schlief schliefen einschläft sein eingeschlafen einschlafen
zurückkommen: komme kommt kommen kam kam kamen zurückkommt sein zurückgekommen zurückkommen
mitnehmen: nehme nimmt nehmen nahm nahm nahmen mitnimmt haben mitgenommen mitnehmen
einladen: lade lädt laden lud lud luden einlädt haben eingeladen einladen
anbieten: biete bietet bieten bot bot boten anbietet haben angeboten anbieten
wegwerfen: werfe wirft werfen warf warf warfen wegwirft haben weggeworfen wegwerfen
auslachen: lache lacht lachen lachte lachte lachten auslacht haben ausgelacht auslachen
helfen: helfe hilft helfen half half halfen hilft haben geholfen helfen
folgen: folge folgt folgen folgte folgte folgten folgt sein gefolgt folgen
begegnen: begegne begegnet begegnen begegnete begegnete begegneten begegnet sein begegnet begegnen
gefallen: gefalle gefällt gefallen gefiel gefiel gefielen gefällt haben gefallen gefallen
verzeihen: verzeihe verzeiht verzeihen verzieh verzieh verziehen verzeiht haben verziehen verzeihen
essen: esse isst essen aß aß aßen isst haben gegessen essen
beißen: beiße beißt beißen biss biss bissen beißt haben gebissen beißen
wissen: weiß weiß wissen wusste wusste wussten weiß haben gewusst wissen
denken: denke denkt denken dachte dachte dachten denkt haben gedacht denken
bringen: bringe bringt bringen brachte brachte brachten bringt haben gebracht bringen
kennen: kenne kennt kennen kannte kannte kannten kennt haben gekannt kennen
reparieren: repariere repariert reparieren reparierte reparierte reparierten repariert haben repariert reparieren
verlieren: verliere verliert verlieren verlor verlor verloren verliert haben verloren verlieren
schwimmen: schwimme schwimmt schwimmen schwamm schwamm schwammen schwimmt sein geschwommen schwimmen
bleiben: bleibe bleibt bleiben blieb blieb blieben bleibt sein geblieben bleiben
waschen: wasche wäscht waschen wusch wusch wuschen wäscht haben gewaschen waschen
"""


@pytest.mark.parametrize("line", CONJUGATIONS.split("\n")[1:-1], ids=lambda line: line.split(":")[0])
def test_verbs(line: str) -> None:
    name, wanted = line.split(":")
    verb = VERBS[name]
    actual = [conjugation.finite(verb, past, person) for past in (False, True) for person in conjugation.PERSONS]
    actual += [conjugation.prefixed(verb, False, "s"), verb.auxiliary, verb.participle, conjugation.infinitive(verb)]
    assert actual == wanted.split()


@pytest.mark.parametrize(
    ("infinitive", "wanted"),
    [
        ("sein", "bin ist sind war war waren"),
        ("haben", "habe hat haben hatte hatte hatten"),
        ("werden", "werde wird werden wurde wurde wurden"),
        ("können", "kann kann können konnte konnte konnten"),
        ("müssen", "muss muss müssen musste musste mussten"),
        ("dürfen", "darf darf dürfen durfte durfte durften"),
        ("wollen", "will will wollen wollte wollte wollten"),
        ("sollen", "soll soll sollen sollte sollte sollten"),
    ],
)
def test_auxiliaries(infinitive: str, wanted: str) -> None:
    actual = [
        conjugation.auxiliary(infinitive, past, person) for past in (False, True) for person in conjugation.PERSONS
    ]
    assert actual == wanted.split()


def test_pronouns_and_relative_pronouns() -> None:
    pronouns = {
        key: " ".join(declension.pronoun_form(key, case) for case in ("nom", "acc", "dat"))
        for key in declension.PRONOUNS
    }
    assert pronouns == {
        "i": "ich mich mir", "he": "er ihn ihm", "she": "sie sie ihr", "it": "es es ihm", "we": "wir uns uns",
        "they": "sie sie ihnen",
    }  # fmt: skip
    relative = {
        gender: " ".join(declension.RELATIVE_PRONOUNS[case, gender] for case in declension.CASES)
        for gender in declension.GENDERS
    }
    assert relative == {
        "m": "der den dem dessen", "f": "die die der deren", "n": "das das dem dessen", "p": "die die denen deren",
    }  # fmt: skip


def test_the_lexicon_is_as_large_as_it_has_to_be_and_says_nothing_twice() -> None:
    words = lexicon()
    assert len(words.nouns) >= 60 and {noun.gender for noun in words.nouns} == set("mfn")
    assert sum(noun.weak for noun in words.nouns) >= 10
    assert len(words.verbs) >= 50 and sum(verb.prefix is not None for verb in words.verbs) >= 15
    assert len(words.adjectives) >= 25
    for sides in (
        [noun.english for noun in words.nouns], [noun.german for noun in words.nouns],
        [adjective.english for adjective in words.adjectives], [adjective.german for adjective in words.adjectives],
        [(verb.prefix, verb.infinitive) for verb in words.verbs],
    ):  # fmt: skip
        assert len(set(sides)) == len(sides)
    # Of one English form there is one German one: singular and plural, and present and past, never look alike.
    assert all(one != many for one, many in (noun.english for noun in words.nouns))
    assert all(verb.english[0] != verb.english[2] for verb in words.verbs)
    by_english = {(verb.english[0], verb.particle, verb.frame) for verb in words.verbs}
    assert len(by_english) == len(words.verbs)


def test_a_or_an() -> None:
    vowels = {"an": "old ill apple egg elephant honest interesting umbrella aunt", "a": "young hungry house car man"}
    assert all(indefinite(word) == article for article, words in vowels.items() for word in words.split())
    assert not any(n.english[0].startswith(("uni", "eu", "hour")) for n in lexicon().nouns)
