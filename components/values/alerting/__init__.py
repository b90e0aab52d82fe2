"""The parts of Alertmanager's tree: receivers, words, links and mute intervals; its lint and its picture."""
