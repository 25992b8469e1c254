# Debian packages, for ./run and ./check: sourced by both.

# What building and running needs.
PACKAGES_RUN='gcc libc6-dev meson ninja-build pkgconf python3
	libpcap-dev libpcre2-dev zlib1g-dev libzstd-dev liblz4-dev libssl-dev libxxhash-dev libseccomp-dev libsqlite3-dev'

# What the tests need on top.
PACKAGES_CHECK='clang clang-format clang-tidy libclang-rt-dev libcmocka-dev
	python3-pytest python3-scapy tshark tcpdump iproute2 iputils-ping iperf3 libcap2-bin sqlite3'

# Installs those of the named packages that are missing, and says so.
packages_install() {
	local p missing=() sudo=()

	for p in "$@"; do
		# "installed", once for each architecture that it is installed for.
		[[ $(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null) == installed* ]] || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	if ! command -v apt-get >/dev/null; then
		echo "This needs Debian 12 or a relative of it; elsewhere install the equivalents of: ${missing[*]}" >&2
		return 1
	fi
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "Missing packages, and neither root nor sudo: as root, apt-get install ${missing[*]}" >&2
			return 1
		fi
		sudo=(sudo)
	fi
	echo "Installing: ${missing[*]}"
	# The lists of a fresh machine are empty, those of an old one name files that are gone.
	packages_apt install "${missing[@]}" ||
		{ packages_apt update && packages_apt install "${missing[@]}"; } || {
		echo "apt-get could not install these packages: see above" >&2
		return 1
	}
}

packages_apt() {
	local verb=$1 log
	shift
	log=$(mktemp)
	if "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -q "$verb" -y --no-install-recommends "$@" </dev/null >"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	# A first failed attempt is expected where the lists are empty.
	[ "$verb" = install ] && [ -z "${PACKAGES_UPDATED:-}" ] && { PACKAGES_UPDATED=1; rm -f "$log"; return 1; }
	tail -n 20 "$log" >&2
	rm -f "$log"
	return 1
}
