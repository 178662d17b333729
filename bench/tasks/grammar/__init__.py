"""An English-German synchronous grammar, written for this project: one tree, two sentences.

A tree (`trees`) is put into words twice, in English (`english`) and in German (`german`); `building` draws trees at
random. Words are data (the .tsv files beside this one, read by `lexicon`), word forms are tables and a few rules
(`forms`), and what a German word depends on is marked while the sentence is put together (`marks`).

A translation is determined: words stand one to one for each other, tenses and places in the clause follow one rule
each, and where English is ambiguous the grammar uses one of the readings alone. So an English sentence has one German
one and "exactly right" is a fair thing to ask for. Sentences are rows of words with no capital at the beginning;
commas, the full stop and the question mark are words too."""
