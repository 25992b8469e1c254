#!/bin/sh
# oracle_corpus.sh ORACLE [-k] EXPRESSIONS FRAMES: the oracle over these frames and $TRAWL_CORPUS.
: "${TRAWL_CORPUS:=$(dirname "$0")/../../../shared/pcaps}"
if [ ! -d "$TRAWL_CORPUS" ]; then
	echo "skipped: no captures in $TRAWL_CORPUS (\$TRAWL_CORPUS)"
	exit 77
fi
exec "$@" "$TRAWL_CORPUS"
