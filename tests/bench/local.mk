# make bench: speed beside the peers and beside a bare socket.
