# make sim: the engine against a simulated world.
