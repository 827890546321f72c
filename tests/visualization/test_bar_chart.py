import warnings

from matplotlib.backends.backend_agg import FigureCanvasAgg

from mmseg_missing.visualization.bar_chart import bar_chart

SCORES = {'ssf': {'rgb+depth': 60.0, 'rgb': 40.0}}


def test_a_long_note_leaves_the_chart_its_room():
    note = 'fill zero (base, ssf), predicted (conv), split scenes, ' * 5
    figure = bar_chart(SCORES, 'Accuracy', note)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        FigureCanvasAgg(figure).draw()
    [axes] = figure.axes
    assert axes.get_position().width > 0.6
    [small] = [text for text in axes.texts if 'fill' in text.get_text()]
    assert small.get_window_extent().x1 <= figure.bbox.x1
