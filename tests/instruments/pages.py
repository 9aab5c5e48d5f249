"""A page of HTML as a test reads it."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Its words and its tags, and whether each that is opened is closed."""

    VOID = ("meta", "br", "path", "use", "image")

    def __init__(self, text):
        super().__init__()
        self.words, self.tags, self.open = "", [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words = f"{self.words} {' '.join(data.split())}".replace("  ", " ")
