"""A synchronous grammar of English and German: one tree, one sentence in each language. See README.md.

`sampling` draws trees from the lexicon (`lexicon` and the .tsv files); `english` and `german` realise a tree as words;
`annotations` records which German word depends on which.

Every sentence has one translation: words, tenses and positions in the clause correspond one to one, and the grammar
uses only one reading of an ambiguous English sentence. So exact match is a fair score. Sentences are lists of words
without a capital at the beginning; commas, full stops and question marks are words too.
"""
