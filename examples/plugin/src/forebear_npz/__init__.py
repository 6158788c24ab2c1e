"""A reader, a signal, a renderer and a policy: an example of each kind of plugin for Forebear."""
