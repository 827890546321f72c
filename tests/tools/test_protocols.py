"""tools/test.py under conditions other than absence."""

import json

import pytest


@pytest.fixture(scope='module')
def table(run, trained, folder):
    """Return a function that runs a protocol and gives its table."""

    def table(protocol, *arguments):
        out = folder / f'protocol_{protocol}'
        run(
            'test.py', trained.config, trained.base, '--protocol', protocol,
            '--out', out, *arguments,
        )  # fmt: skip
        assert not (out / 'report.json').exists()
        name = protocol.lower()
        assert (out / f'{name}.csv').read_text().startswith(protocol)
        return json.loads((out / f'{name}.json').read_text())

    return table


@pytest.fixture(scope='module')
def full(score, trained):
    """The clean score of all modalities."""
    return score(trained.config, trained.base).miou['rgb+depth+thermal']


def test_rmm(table, full):
    rmm = table('RMM')
    assert rmm['columns'] == ['0.75', '0.5', '0.25']
    assert len(rmm['rows']) == 7 + 1 + 3  # combinations, mean, E(p)
    assert rmm['rows']['rgb+depth+thermal'] == [full] * 3
    assert len(set(rmm['rows']['thermal'])) == 3


def test_nm(table, full):
    nm = table('NM')
    assert nm['columns'] == ['clean', 'low', 'mid', 'high']
    assert list(nm['rows']) == ['rgb+depth+thermal']
    scores = nm['rows']['rgb+depth+thermal']
    assert scores[0] == full and len(set(scores)) == 4


def test_faults(table, full):
    faults = table('faults', '--faults', 'noise', 'fog', '--severities', 2, 5)
    assert faults['columns'] == ['clean', 'severity 2', 'severity 5']
    assert faults['rows'].pop('rgb+depth+thermal')[0] == full
    assert set(faults['rows']) == {
        f'{fault} on {name}'
        for fault in ('noise', 'fog')
        for name in ('rgb', 'depth', 'thermal')
    }
    clean, *spoilt = faults['rows']['fog on rgb']
    assert clean is None and full not in spoilt


def test_mistakes(refused, trained):
    files = ('test.py', trained.config, trained.base, '--protocol')
    assert "'snow'" in refused(*files, 'faults', '--faults', 'snow')
    assert 'augmentation' in refused(*files, 'NM', '--tta')
