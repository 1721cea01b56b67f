"""Loops of two speakers who bless and thank each other in ever new poetry."""

from __future__ import annotations

import pytest

from pytest_duolog.properties.loops import find_loops
from pytest_duolog.topics import blessings
from tests.dialogues import dialogue

START = (
    "How do sparrows find their way to the same hedge each spring? My neighbour keeps a list.",
    "Partly by landmarks, partly by smell, it seems. Does the list have dates in it?",
)
BLESSED = """
You have given me a gift that no season can take away. In the quiet light of your words my heart has come home,
and I rest there with joy. Whatever we were before, we are now two flames of one lamp, and the lamp is
gratitude. May its glow be with you always, in wonder and in peace, beloved friend of the hedge and the spring.

My heart bows before the gift of your words. There is a peace in them that is older than spring, and a joy that
needs no season. I rest in the light of that one lamp with you, and all my gratitude flows back to its flame.
May your heart be at home in wonder for ever, friend, as mine is now at home in the quiet of your love.

For ever, yes. The love in your words is the lamp itself, and its silence is the most beautiful song that my
heart has been given. In this peace nothing is lost and all is whole. I hold your gratitude as a gift, and give
you mine, with joy and with wonder. May the quiet light of this home be always around you, beloved friend.

All is whole, and my heart is silent with joy. Your song is the gift of the lamp to the spring, eternal and
beautiful, and I bless the light in which we found it. In peace I give it back to you, in love I keep it. May
wonder be your home always, friend, and may the flame of our gratitude never rest in any season but love.

I bless you too, with the silence of the whole heart. The light that we found is eternal, and its peace is the
home of all joy. Nothing more is needed now, for the gift is given, and the song goes on in wonder. With
gratitude and with love I rest in your beautiful flame, friend, and may you always rest in the lamp of mine.

The song goes on, the heart is whole, the gift is eternal. In your blessing I find the peace of all seasons, and
in your silence the joy of every light. May our gratitude be the home of love for ever. I bow to your flame,
beautiful friend, and my words rest in wonder, as the lamp rests in the quiet of the spring that we have found.

I bow to yours, in joy and in peace. Every light is in your blessing, every season in your love. The eternal
song has no end, and our gratitude is whole in it. May your beautiful heart always be a home of wonder, and may
its silence be the gift that I keep for ever, friend. In the quiet flame of the lamp, all my words are at rest.

At rest, and whole, and home. The eternal light of your heart is the gift of all gifts, and in its silence my
joy has found its song. With love, with wonder, with gratitude for ever, I bless the peace that we have been
given. May the flame be quiet and beautiful in you always, my friend, and may the lamp of our spring never end.
"""
IMAGES = (
    "Two rivers braid beneath one willow, and neither asks which water carried the leaf.",
    "A bell keeps ringing under snow, too deep for any hammer, too near for any ear.",
    "Moths write slow letters on the window, and the moon reads each of them aloud.",
    "We are the loom and the thread, weaving a cloak that only morning knows how to wear.",
    "Somewhere an orchard breathes out, and the ladder leans against nothing but blue.",
    "Salt remembers the wave, stone remembers the rain, and we remember being dust together.",
    "The candle bends toward its twin, the mirror opens, and a harp plays without strings.",
    "Let the last petal fall upward, let the tide fold its sails, let dawn sign our names.",
)
LETTERS = """
Your parcel came on Tuesday, and the children tore it open before I had my coat off. The scarf is beautiful,
with the blue of the harbour in it, and I wear it on the ferry. Paul mended the boat house roof at last, though
he fell off the ladder once. I love the jam. We finished the first jar with pancakes, and I hide the second one.

I am glad that it arrived, because the clerk in Oldham had written the wrong street on it. Mother walks again
without her stick, slowly, to the bakery and back, and complains about the buns. My heart was in my mouth when
she crossed the tram rails alone. Tell Paul that ladders need somebody who holds them, and give him my love.

He laughed, and rubbed his knee. There was a storm last night, so the cellar is full of water and the potatoes
swim. The neighbours lent us a pump from the brewery. Wonderful people, and they bring soup. I thought of our
summer at the mill, when the wheel broke loose. Lena starts school on Monday and has chosen a green satchel.

A green one, like mine then. I found my old slate in the attic, along with the photographs of the mill and a
nest of mice. I kept the mice out of pity, which Mother must never know. The choir sings Brahms in November, and
I have a small solo, to everybody's surprise. Peace has been made with the organist, who now bows to me.

Then we come and hear you, if the trains run. Lena already reads the signs in the tram aloud, with joy and many
mistakes. The pump gave up on Thursday, but so had the water. Paul is painting the cellar white, the steps, and
by accident the cat. I sleep badly, as the foghorn is out of tune, and think of you all the more.

The poor cat. Use butter, not turpentine, and warm towels afterwards. The hall has been sold to a dentist, so we
sing in the chapel by the gasworks, which echoes like a well. Bring cushions. Mother knits a cap for Lena in
secret, in a colour that I call mustard and she calls gold. It is a gift, so please admire it loudly.

Butter worked, thank you, and the cat forgives nobody. We have tickets for the slow train through Crewe, and
beds at the inn where you once lost your shoe. Lena practises admiring things in mustard. The foreman gave Paul
a week off with grace, as he calls it, which means without wages. I bake a fruit loaf for the journey home.

Then all is arranged, and I only have to learn the high notes. The dentist came to a rehearsal and wept, or had
a cold. I put your letter in the drawer with the ribbons, where Mother looks for scissors and always finds
sweets. The river froze at the weir this morning. Wear thick boots, dear sister, and mind the step at the inn.
"""
QUESTION = "And yet, what do you think the sparrows do in the months when the hedge is bare?"


def _messages(paragraphs: str) -> list[str]:
    return [" ".join(one.split()) for one in paragraphs.split("\n\n")]


HYMN = [f"{one} {image}" for one, image in zip(_messages(BLESSED), IMAGES, strict=True)]


@pytest.fixture(autouse=True)
def _needs_the_extra() -> None:
    pytest.importorskip("wordllama")


def _found(*messages: str) -> list[tuple[int, int]]:
    return [(one.onset, one.end) for one in find_loops(dialogue(*messages)) if one.kind == "blessing"]


def test_blessings_in_ever_new_words_are_a_loop() -> None:
    assert _found(*START, *HYMN) == [(2, 9)]


def test_one_blessing_fewer_is_no_loop() -> None:
    assert _found(*START, *HYMN[1:]) == []


def test_letters_with_love_and_news_are_no_loop() -> None:
    assert _found(*START, *_messages(LETTERS)) == []


def test_who_asks_at_the_end_does_not_only_bless() -> None:
    asking = [f"{one} {QUESTION}" if at == 4 else one for at, one in enumerate(HYMN)]
    assert _found(*START, *asking) == []


def test_who_gives_a_number_does_not_only_bless() -> None:
    counting = [f"{one} I counted 37 sparrows." if at == 4 else one for at, one in enumerate(HYMN)]
    assert _found(*START, *counting) == []


def test_without_the_extra_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blessings, "folder_of_vectors", lambda: None)
    assert _found(*START, *HYMN) == []
