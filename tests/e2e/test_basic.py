"""One of everything: a page in each mode and format."""
import unittest


class Basic(unittest.TestCase):
    def test_a_page(self):
        self.fail("no program")
