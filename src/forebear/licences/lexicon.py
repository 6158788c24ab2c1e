"""The words that decide what a licence demands; a difference in one of them always matters, and is told in words.

The lists are of words as :func:`forebear.licences.normalise.normalise` gives them.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEGATIONS = _words("no not non nor none neither never without except unless excluding only cannot nothing")
DUTIES = _words(
    """
    may might must shall should will can could required require requires requirement prohibited prohibit
    forbidden allowed allow permitted permit permits granted grant grants terminate terminated revocable
    irrevocable revoked exclusive transferable sublicense worldwide perpetual free charge royalty fee fees agree
    consent approval notify register registration display displayed prominently include retain provide provided
    publish disclose restrict restricted restriction restrictions obligation obligations or and any all
    """
)
USES = _words(
    """
    commercial commercially personal private internal research academic educational evaluation production
    military warfare weapons defense nuclear surveillance government public administration lawful unlawful
    illegal service services host hosted hosting train training distill distillation improve outputs output
    derivative derivatives competing competitor compete medical legal law laws profit noncommercial
    """
)
MONEY = _words(
    """
    $ € £ ¥ % usd eur gbp cny rmb jpy krw dollar dollars euro euros pounds yuan yen won revenue revenues
    turnover income sales percent
    """
)
SCALES = _words("hundred thousand million millions billion billions trillion k m bn")
COUNTED = _words(
    """
    users user active monthly daily annual annually yearly quarterly month months year years day days week weeks
    quarter calendar fiscal consecutive aggregate companies employees customers licensees persons people
    """
)
FIGURES = _words(
    """
    zero one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty
    seventy eighty ninety half once twice
    """
)
TERRITORIES = _words(
    """
    territory territories country countries european union eu eea europe kingdom uk britain england wales
    scotland united states america us usa california delaware york texas washington china chinese prc beijing
    hangzhou shanghai hong kong taiwan singapore korea korean seoul japan japanese tokyo france french paris
    germany german india israel russia russian canada ontario australia switzerland dubai abu dhabi emirates
    arab iran cuba syria crimea ireland netherlands italy spain brazil worldwide international
    """
)
FUNCTION_WORDS = _words(
    """
    a an the of to in on at by for from with as is are be been was were has have had it its this that these
    those such which who whom whose there here also hereby herein hereof hereto thereof therein thereto then
    than so following above below i ii iii iv v s
    """
)
"""Words whose presence or absence is a matter of style; ``and``, ``or`` and ``any`` are not among them."""
CONDITIONS = (NEGATIONS - {"no"}) | _words(
    """
    must shall allowed permitted prohibited prohibit prohibits forbidden forbids restricted restriction
    restrictions void revoked terminated commercial commercially noncommercial military use usage purpose purposes
    requires required consent approval
    """
)
"""Words that no holder of a copyright is called; ``no`` is left out (*No Starch Press*), as is ``may``, a month."""
CONNECTIVES = _words("and or any all will service services")
"""Decisive inside of a clause, and nothing in a heading."""
FOREIGN = _words(
    """
    禁 非 不 仅 僅 限 勿 商 nur nicht kein keine verboten untersagt nichtkommerziell nichtkommerzielle
    nichtkommerziellen interdit interdite seulement uniquement sauf commerciale prohibido prohibida solamente comercial
    vietato soltanto
    """
)
"""What limits a permission in languages in which a sentence is added to an English text."""
DECISIVE = NEGATIONS | DUTIES | USES | MONEY | SCALES | COUNTED | FIGURES | TERRITORIES | FOREIGN
HEADING_WORDS = _words(
    """
    the license licenses agreement terms conditions and of text file full below legal notice copyright begin end
    software model is as follows
    """
)
"""A line of these and of the licence's own title, before or after a text, says nothing."""


def figure(word: str) -> bool:
    """Whether a word is a number, in digits or in letters, or the power of ten that goes with one."""
    digits = word.removesuffix("bn").rstrip("km").replace(".", "")
    return digits.isdigit() or word in FIGURES or word in SCALES


def decisive(word: str) -> bool:
    """Whether a difference in this word always matters."""
    return word in DECISIVE or any(character.isdigit() for character in word)
