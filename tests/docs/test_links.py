"""Links of the documents lead somewhere, and so do their anchors."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGES = sorted(
    [
        *TOP.glob('*.md'),
        *(TOP / 'docs').rglob('*.md'),
        TOP / 'data/README.md',
    ]
)
FENCE = re.compile(r'^```.*?^```$', re.M | re.S)
CODE = re.compile(r'`[^`\n]*`')
LINK = re.compile(r'\]\(([^()\s]+(?:\([^()\s]*\))?)\)')
# Made when the site is built, see .dev_scripts/site_pages.py.
MADE = ('docs/reference/verbs.md', 'docs/reference/tools.md')


def test_there_are_pages():
    assert len(PAGES) > 25
    assert sum(len(list(links(page))) for page in PAGES) > 250


@pytest.mark.parametrize(
    'page', PAGES, ids=lambda page: str(page.relative_to(TOP))
)
def test_links(page):
    broken = [link for link in links(page) if not leads_somewhere(page, link)]
    assert not broken


def links(page):
    """Yield the links to files and anchors of this project."""
    text = CODE.sub(' ', FENCE.sub('', page.read_text('utf-8')))
    for link in LINK.findall(text):
        if '://' not in link and not link.startswith('mailto:'):
            yield link


def leads_somewhere(page, link):
    name, _, anchor = link.partition('#')
    target = (page.parent / name).resolve() if name else page
    if any(target == TOP / made for made in MADE):
        return True
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target)


def anchors(page):
    """Return the anchors of headings, as GitHub and the site name them."""
    text = FENCE.sub('', page.read_text('utf-8'))
    found, counts = set(), {}
    for heading in re.findall(r'^#+ (.+)$', text, re.M):
        words = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading).lower()
        name = re.sub(r'[^\w\- ]', '', words).strip().replace(' ', '-')
        number = counts.get(name, 0)
        counts[name] = number + 1
        found.add(f'{name}-{number}' if number else name)
    return found
