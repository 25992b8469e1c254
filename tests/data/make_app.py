#!/usr/bin/python3
"""Payloads of application protocols, for tests/unit/test_app.c and the fuzzer.

    make_app.py             writes tests/unit/app_samples.def and the seeds in
                            tests/fuzz/corpus/app; the same bytes every time
    make_app.py --check     asks tshark what it takes each payload for

Each sample names the protocol that tshark must show for it (column Protocol),
so that no expectation comes from trawl alone; None where tshark knows no such
protocol on that port.  QUIC packets are protected here with Python's
cryptography, after RFC 9001 5, and must begin and end as appendix A.2 of
RFC 9001 and of RFC 9369 print them.
"""
import collections
import logging
import pathlib
import struct
import subprocess
import sys
import tempfile

logging.getLogger("scapy").setLevel(logging.ERROR)
from cryptography.hazmat.primitives import hashes, hmac  # noqa: E402
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: E402
from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: E402
from scapy.all import (BOOTP, DHCP, DNS, DNSQR, DNSRR, NTP, SNMP, IPv6, ICMPv6EchoRequest,  # noqa: E402
                       SNMPget, SNMPvarbind, TFTP, TFTP_RRQ, ASN1_OID, DHCP6_Solicit, Radius,
                       RadiusAttribute, ISAKMP, ISAKMP_payload_SA, HSRP, RIP, RIPEntry, Ether)

import frames  # noqa: E402

TCP, UDP, SCTP = 6, 17, 132
TESTS = pathlib.Path(__file__).resolve().parent.parent

# 'anywhere': recognised whatever the ports are.
Sample = collections.namedtuple("Sample", "app proto sport dport data tshark name quic anywhere")
SAMPLES = []


def add(app, proto, sport, dport, data, tshark, name="", quic=0, anywhere=True):
    if isinstance(data, str):
        data = data.encode("latin-1")
    SAMPLES.append(Sample(app, proto, sport, dport, bytes(data), tshark, name, quic, anywhere))


def be16(n):
    return struct.pack("!H", n)


def be32(n):
    return struct.pack("!I", n)


def le32(n):
    return struct.pack("<I", n)


def ext(kind, body):
    return be16(kind) + be16(len(body)) + body


def server_name(name):
    return ext(0, be16(len(name) + 3) + b"\0" + be16(len(name)) + name.encode())


def hello_body(name, cookie=b"", version=0x0303):
    """RFC 8446 4.1.2; the server name behind two other extensions."""
    exts = ext(0xff01, b"\0") + ext(10, bytes.fromhex("00080006001d00170018"))
    exts += server_name(name) + ext(16, b"\0\3\2h2") + ext(43, bytes.fromhex("020304"))
    return (be16(version) + bytes(range(32)) + b"\0" + cookie
            + bytes.fromhex("0004130113020100") + be16(len(exts)) + exts)


def handshake(kind, body):
    return bytes([kind]) + struct.pack("!I", len(body))[1:] + body


def record(kind, body, version=0x0301):
    return bytes([kind]) + be16(version) + be16(len(body)) + body


def text_protocols():
    add("HTTP", TCP, 50000, 80, "GET /index.html HTTP/1.1\r\nUser-Agent: x\r\nhOsT:  www.example.com:8080 "
        "\r\nAccept: */*\r\n\r\n", "HTTP", "www.example.com")
    add("HTTP", TCP, 50000, 80, "POST /a b HTTP/1.0\r\nHost: [2001:db8::1]:81\r\n\r\n", "HTTP",
        "[2001:db8::1]")
    add("HTTP", TCP, 80, 50000, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP")
    add("HTTP", TCP, 50000, 3128, "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
        "HTTP", "example.org")
    add("HTTP2", TCP, 50000, 80, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"),
        "HTTP2")
    add("SSDP", UDP, 50000, 1900, "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMX: 1\r\n\r\n",
        "SSDP")
    add("SSDP", UDP, 1900, 50000, "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n", "SSDP")
    add("SIP", UDP, 5060, 5060, "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n", "SIP")
    add("SIP", UDP, 5060, 5060, "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP h\r\n\r\n", "SIP")
    add("SIP", TCP, 5060, 50000, "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP h\r\n\r\n", "SIP")
    add("RTSP", TCP, 50000, 554, "DESCRIBE rtsp://cam.example/1 RTSP/1.0\r\nCSeq: 1\r\n\r\n", "RTSP")
    add("RTSP", TCP, 554, 50000, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", "RTSP")
    add("MGCP", UDP, 2727, 2427, "AUEP 1200 aaln/1@rgw.example MGCP 1.0\r\n\r\n", "MGCP")
    add("SSH", TCP, 22, 50000, "SSH-2.0-OpenSSH_9.2p1\r\n", "SSH")
    add("SSH", TCP, 50000, 22, "SSH-1.5-1.2.27\n", "SSH")
    add("SMTP", TCP, 25, 50000, "220 mail.example.org ESMTP\r\n", "SMTP")
    add("SMTP", TCP, 50000, 25, "EHLO client.example\r\n", "SMTP")
    add("SMTP", TCP, 50000, 25, "QUIT\r\n", "SMTP", anywhere=False)
    add("FTP", TCP, 21, 50000, "220 ProFTPD FTP server ready\r\n", "FTP")
    add("FTP", TCP, 50000, 21, "USER anonymous\r\n", "FTP", anywhere=False)
    add("FTP", TCP, 21, 50000, "331 Password required\r\n", "FTP", anywhere=False)
    add("POP3", TCP, 110, 50000, "+OK POP3 ready <1896.697170952@dbc.example>\r\n", "POP")
    add("POP3", TCP, 50000, 110, "USER bob\r\n", "POP", anywhere=False)
    add("IMAP", TCP, 143, 50000, "* OK [CAPABILITY IMAP4rev1] ready\r\n", "IMAP")
    add("IMAP", TCP, 50000, 143, "a001 LOGIN bob secret\r\n", "IMAP")
    add("NNTP", TCP, 119, 50000, "200 news.example ready\r\n", "NNTP", anywhere=False)
    add("IRC", TCP, 50000, 6667, "NICK bob\r\nUSER bob 0 * :Bob\r\n", "IRC")
    add("IRC", TCP, 6667, 50000, ":irc.example NOTICE * :*** Looking up your hostname\r\n", "IRC")
    add("XMPP", TCP, 50000, 5222, "<?xml version='1.0'?><stream:stream to='example.com' "
        "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>", "XMPP/XML")
    add("VNC", TCP, 5900, 50000, "RFB 003.008\n", "VNC")
    add("RSYNC", TCP, 873, 50000, "@RSYNCD: 31.0\n", "RSYNC")
    add("GIT", TCP, 50000, 9418, "0032git-upload-pack /project.git\0host=example.org\0", "Git")
    add("SVN", TCP, 3690, 50000, "( success ( 2 2 ( ) ( edit-pipeline svndiff1 ) ) ) ", None)
    add("NATS", TCP, 4222, 50000, 'INFO {"server_id":"x","version":"2.9.1"}\r\n', None)
    add("STOMP", TCP, 50000, 61613, "CONNECT\naccept-version:1.2\nhost:example\n\n\0", None)
    add("GNUTELLA", TCP, 50000, 6346, "GNUTELLA CONNECT/0.6\r\nUser-Agent: x\r\n\r\n", "Gnutella")
    add("ZABBIX", TCP, 50000, 10051, b"ZBXD\1" + struct.pack("<Q", 2) + b"{}", None)
    add("SYSLOG", UDP, 50000, 514, "<34>Oct 11 22:14:15 mymachine su: 'su root' failed", "Syslog")
    add("SYSLOG", UDP, 50000, 514, "<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 - x", "Syslog")
    add("SYSLOG", UDP, 50000, 514, "<13>something", "Syslog", anywhere=False)
    add("DROPBOX_LSP", UDP, 17500, 17500, '{"host_int": 12345, "version": [2, 0], "port": 17500}',
        "DB-LSP-DISC/JSON")
    add("BITTORRENT", TCP, 50000, 6881, b"\x13BitTorrent protocol" + bytes(8) + bytes(range(40)),
        "BitTorrent")
    add("BITTORRENT", UDP, 50000, 6881, b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
        "BT-DHT")
    add("BITTORRENT", UDP, 50000, 6969, be32(0x417) + be32(0x27101980) + be32(0) + be32(7),
        None)
    add("REDIS", TCP, 50000, 6379, "*2\r\n$4\r\nLLEN\r\n$6\r\nmylist\r\n", "RESP")
    add("REDIS", TCP, 6379, 50000, "+PONG\r\n", "RESP")
    add("MEMCACHED", TCP, 50000, 11211, "stats\r\n", "MEMCACHE")


def tls():
    hello = handshake(1, hello_body("www.example.com"))
    add("TLS", TCP, 50000, 443, record(22, hello), "TLSv1", "www.example.com")
    cut = hello[:hello.index(b"www.example.com") + 15 + 4]
    add("TLS", TCP, 50000, 443, record(22, hello)[:5] + cut, "TCP", "www.example.com")
    add("TLS", TCP, 50000, 443, record(20, b"\1", 0x0303) + record(22, hello, 0x0303), "TLSv1.2",
        "www.example.com")
    server = handshake(2, be16(0x0303) + bytes(range(32)) + b"\0\xc0\x2f\0")
    add("TLS", TCP, 443, 50000, record(22, server, 0x0303), "TLSv1.2")
    add("TLS", TCP, 443, 50000, record(23, bytes(40), 0x0303), "TLSv1.2")
    add("TLS", TCP, 443, 50000, record(21, b"\2\x28", 0x0303), "TLSv1.2")
    ssl2 = bytes([1, 3, 1]) + be16(3) + be16(0) + be16(16) + b"\0\0\x2f" + bytes(range(16))
    add("TLS", TCP, 50000, 443, be16(0x8000 | len(ssl2)) + ssl2, "SSLv2")
    body = hello_body("dtls.example", cookie=b"\4abcd", version=0xfefd)
    shake = b"\1" + struct.pack("!I", len(body))[1:] + be16(0) + bytes(3) + struct.pack("!I", len(body))[1:]
    shake += body
    add("DTLS", UDP, 50000, 4433, b"\x16\xfe\xff\0\0" + bytes(6) + be16(len(shake)) + shake, "DTLS",
        "dtls.example")
    add("DTLS", UDP, 50000, 4433, b"\x17\xfe\xfd\0\1" + bytes(5) + b"\7" + be16(24) + bytes(24), "DTLSv1.2")


def names():
    query = DNS(id=0x1234, rd=1, qd=DNSQR(qname="www.example.com", qtype="AAAA"))
    reply = DNS(id=0x1234, qr=1, rd=1, ra=1, qd=DNSQR(qname="www.example.com"),
                an=DNSRR(rrname="www.example.com", rdata="192.0.2.1"))
    add("DNS", UDP, 50000, 53, bytes(query), "DNS")
    add("DNS", UDP, 53, 50000, bytes(reply), "DNS")
    add("DNS", UDP, 53, 50000, be16(7) + be16(0x8005) + bytes(8), "DNS")
    add("DNS", TCP, 50000, 53, be16(len(bytes(query))) + bytes(query), "DNS")
    add("DNS", TCP, 53, 50000, be16(4000) + bytes(reply), "TCP")
    add("MDNS", UDP, 5353, 5353, bytes(DNS(id=0, qr=1, aa=1, rd=0, qd=None, an=DNSRR(
        rrname="printer.local", rclass=0x8001, ttl=120, rdata="192.0.2.9"))), "MDNS", anywhere=False)
    add("LLMNR", UDP, 50000, 5355, bytes(DNS(id=9, rd=0, qd=DNSQR(qname="host"))), "LLMNR", anywhere=False)
    encoded = b"".join(bytes([65 + (c >> 4), 65 + (c & 15)]) for c in b"WORKGROUP      \x1d")
    nbns = be16(1) + be16(0x0110) + be16(1) + bytes(6) + b"\x20" + encoded + b"\0" + be16(0x20) + be16(1)
    add("NETBIOS_NS", UDP, 137, 137, nbns, "NBNS")
    add("NETBIOS_SSN", TCP, 50000, 139, b"\x81\0\0\x44\x20" + encoded + b"\0\x20" + encoded + b"\0", "NBSS")


def administration():
    dhcp = BOOTP(op=1, xid=7, chaddr=frames.mac(1)) / DHCP(options=[("message-type", "discover"), "end"])
    add("DHCPV4", UDP, 68, 67, bytes(dhcp), "DHCP")
    solicit = DHCP6_Solicit(trid=7)
    add("DHCPV6", UDP, 546, 547, bytes(solicit) + be16(8) + be16(2) + b"\0\0", "DHCPv6", anywhere=False)
    add("NTP", UDP, 50000, 123, bytes(NTP(version=4, mode=3, stratum=0, id="0.0.0.0", ref=0, orig=0, recv=0, sent=3900000000.5)), "NTP")
    add("NTP", UDP, 123, 50000, bytes(NTP(version=4, mode=4, stratum=2, precision=0xe9, delay=0.01,
        dispersion=0.02, ref=3900000000, orig=0, recv=3900000001, sent=3900000001)), "NTP")
    snmp = SNMP(community="public", PDU=SNMPget(id=7, varbindlist=[
        SNMPvarbind(oid=ASN1_OID("1.3.6.1.2.1.1.1.0"))]))
    add("SNMP", UDP, 50000, 161, bytes(snmp), "SNMP")
    v3 = bytes.fromhex("303e020103301102047b5b1d1f020300ffe3040104020103041030"
                       "0e0400020100020100040004000400301404000400a00e02046c9a1d9b0201000201003000")
    add("SNMP", UDP, 50000, 161, v3, "SNMP")
    bind = bytes.fromhex("300c020101600702010304008000")
    add("LDAP", TCP, 50000, 389, bind, "LDAP")
    add("LDAP", TCP, 389, 50000, bytes.fromhex("300c02010161070a010004000400"), "LDAP")
    body = bytes.fromhex("a103020105a20302010a") + b"\xa4\x3d\x30\x3b" \
        + bytes.fromhex("a00703050040810010a10f300da003020101a106300416026a64") + bytes(33)
    kdc = b"\x6a" + bytes([len(body) + 2]) + b"\x30" + bytes([len(body)]) + body
    add("KERBEROS", UDP, 50000, 88, kdc, "KRB5")
    add("KERBEROS", TCP, 50000, 88, be32(len(kdc)) + kdc, "KRB5")
    radius = Radius(code=1, id=3, authenticator=bytes(range(16)), attributes=[
        RadiusAttribute(type=1, value=b"steve"), RadiusAttribute(type=32, value=b"nas")])
    add("RADIUS", UDP, 50000, 1812, bytes(radius), "RADIUS")
    add("TFTP", UDP, 50000, 69, bytes(TFTP() / TFTP_RRQ(filename="boot.img", mode="octet")), "TFTP")
    add("TACACS", TCP, 50000, 49, bytes.fromhex("c0010100000000070000000c") + bytes(12), "TACACS+")
    avp = be32(264) + be32(0x40000000 | 8 + 11) + b"peer.exampl\0"
    add("DIAMETER", TCP, 50000, 3868, be32(0x01000000 | 20 + len(avp)) + be32(0x80000101) + bytes(4)
        + be32(7) + be32(9) + avp, "DIAMETER")
    slp = be16(0) + bytes(3) + be16(1) + be16(2) + b"en" + be16(0) + be16(15) + b"service:printer" \
        + be16(7) + b"default" + be16(0) + be16(0)
    add("SLP", UDP, 50000, 427, b"\2\1\0" + be16(5 + len(slp)) + slp, "SRVLOC")
    add("NAT_PMP", UDP, 50000, 5351, b"\0\0", "NAT-PMP", anywhere=False)


def media():
    add("STUN", UDP, 50000, 3478, bytes.fromhex("000100002112a442") + bytes(range(12)), "STUN")
    add("STUN", UDP, 50000, 3478, bytes.fromhex("00010008") + bytes(range(16)) + bytes.fromhex("0003000400000006"),
        "CLASSIC-STUN")
    add("STUN", TCP, 50000, 3478, bytes.fromhex("000100002112a442") + bytes(range(12)), "STUN")
    add("RTP", UDP, 40000, 40002, b"\x80\0" + be16(7) + be32(160) + be32(0x1234) + b"\xff" * 160, None)
    add("RTP", UDP, 40000, 40002, b"\x90\x6f" + be16(7) + be32(160) + be32(0x1234)
        + bytes.fromhex("bede000110ff0000") + bytes(50), None)
    add("RTP", UDP, 40000, 40002, b"\x80\x21" + be16(7) + be32(160) + be32(0x1234)
        + (b"\x47" + bytes(187)) * 7, None)
    add("RTCP", UDP, 40001, 40003, b"\x80\xc8\0\6" + be32(0x1234) + bytes(20), None)
    add("RTCP", UDP, 40001, 40003, b"\x81\xcd\0\3" + be32(1) + be32(2) + be32(3), None)
    add("RTMP", TCP, 50000, 1935, b"\3" + be32(0) + be32(0) + bytes(i & 255 for i in range(1528)), None)


def routers():
    marker = b"\xff" * 16
    add("BGP", TCP, 50000, 179, marker + be16(29) + b"\1\4" + be16(65001) + be16(180) + bytes([192, 0, 2, 1, 0]),
        "BGP")
    add("BGP", TCP, 179, 50000, marker + be16(19) + b"\4", "BGP")
    add("RIP", UDP, 520, 520, bytes(RIP(cmd=1, version=2) / RIPEntry(AF=0, metric=16)), "RIPv2", anywhere=False)
    add("RIPNG", UDP, 521, 521, b"\1\1\0\0" + bytes(16) + bytes([0, 0, 0, 16]), "RIPng", anywhere=False)
    add("HSRP", UDP, 1985, 1985, bytes(HSRP()), None, anywhere=False)
    add("BFD", UDP, 49152, 3784, bytes.fromhex("20c003180000000100000000000f4240000f424000000000"), "BFD Control",
        anywhere=False)
    add("LDP", UDP, 646, 646, bytes.fromhex("0001001ec000020100000100001400000001040000040" "00f8000")
        + bytes.fromhex("04010004c0000201"), "LDP")
    add("BMP", TCP, 50000, 1790, b"\3" + be32(6 + 4 + 4) + b"\4" + be16(2) + be16(4) + b"edge", None)
    add("PTP", UDP, 319, 319, b"\0\x02" + be16(44) + bytes(26) + be16(1) + b"\0\0" + bytes(10), "PTPv2",
        anywhere=False)


def tunnels():
    add("WIREGUARD", UDP, 50000, 51820, le32(1) + bytes(range(144)), "WireGuard")
    add("WIREGUARD", UDP, 51820, 50000, le32(2) + bytes(range(88)), "WireGuard")
    add("WIREGUARD", UDP, 50000, 51820, le32(4) + le32(9) + bytes(8) + bytes(range(32)), "WireGuard")
    add("OPENVPN", UDP, 50000, 1194, b"\x38" + bytes(range(8)) + b"\0" + be32(0), "OpenVPN")
    add("OPENVPN", UDP, 50000, 1194, b"\x38" + bytes(range(8)) + bytes(range(20)) + be32(1) + be32(1700000000)
        + b"\0" + be32(0), "OpenVPN")
    add("OPENVPN", TCP, 50000, 1194, be16(14) + b"\x38" + bytes(range(8)) + b"\0" + be32(0), "OpenVPN")
    ike = bytes(ISAKMP(init_cookie=b"12345678", exch_type=2) / ISAKMP_payload_SA())
    add("ISAKMP", UDP, 500, 500, ike, "ISAKMP")
    add("ISAKMP", UDP, 4500, 4500, bytes(4) + ike, "ISAKMP", anywhere=False)
    add("ESP_UDP", UDP, 4500, 4500, be32(0xc0ffee00) + be32(1) + bytes(32), "ESP", anywhere=False)
    add("L2TP", UDP, 1701, 1701, bytes.fromhex("c802000c0000000000000000"), "L2TP", anywhere=False)
    add("PPTP", TCP, 50000, 1723, be16(16) + be16(1) + be32(0x1a2b3c4d) + be16(5) + be16(0) + be32(7), "PPTP")
    add("GTP", UDP, 2152, 2152, b"\x30\xff" + be16(20) + be32(7) + b"\x45" + bytes(19), None, anywhere=False)
    add("GTP", UDP, 2123, 2123, b"\x40\1" + be16(9) + be32(0x100) + b"\3\0\1\0\7", "GTPv2", anywhere=False)
    add("PFCP", UDP, 8805, 8805, b"\x20\1" + be16(12) + be32(0x100) + be16(96) + be16(4) + be32(0xe0000000), "PFCP",
        anywhere=False)
    inner = bytes(Ether(src="00:00:5e:00:53:01", dst="00:00:5e:00:53:02", type=0x0806)) + bytes(28)
    add("VXLAN", UDP, 50000, 4789, be32(0x08000000) + be32(42 << 8) + inner, "ARP", anywhere=False)
    add("GENEVE", UDP, 50000, 6081, be32(0x00006558) + be32(42 << 8) + inner, "ARP", anywhere=False)
    add("TEREDO", UDP, 3544, 3544, bytes(IPv6(src="2001::1", dst="2001::2") / ICMPv6EchoRequest()), "Teredo",
        anywhere=False)


def exporters():
    add("NETFLOW", UDP, 50000, 2055, be16(5) + be16(1) + bytes(20) + bytes(48), "CFLOW")
    add("NETFLOW", UDP, 50000, 2055, be16(9) + be16(1) + bytes(16) + be16(0) + be16(16) + be16(256) + be16(2)
        + be16(1) + be16(4) + be16(2) + be16(4), "CFLOW")
    body = be16(2) + be16(12) + be16(256) + be16(1) + be16(1) + be16(4)
    add("IPFIX", UDP, 50000, 4739, be16(10) + be16(16 + len(body)) + be32(1700000000) + be32(0) + be32(1) + body,
        "CFLOW")
    add("SFLOW", UDP, 50000, 6343, be32(5) + be32(1) + bytes([192, 0, 2, 1]) + be32(0) + be32(7) + be32(9)
        + be32(1) + be32(2) + be32(12) + be32(1) + be32(1) + be32(0), "sFlow")


def databases():
    greet = b"\x0a8.0.33\0" + le32(7) + b"abcdefgh\0\xff\xf7\x21\2\0" + bytes(13) + b"abcdefghijkl\0"
    add("MYSQL", TCP, 3306, 50000, struct.pack("<I", len(greet)) + greet, "MySQL")
    login = struct.pack("<IIB", 0x000fa685, 1 << 24, 33) + bytes(23) + b"root\0\0"
    add("MYSQL", TCP, 50000, 3306, struct.pack("<I", len(login) | 1 << 24) + login, "MySQL", anywhere=True)
    add("POSTGRESQL", TCP, 50000, 5432, be32(8) + be32(80877103), "PGSQL")
    start = be32(196608) + b"user\0postgres\0database\0db\0\0"
    add("POSTGRESQL", TCP, 50000, 5432, be32(len(start) + 4) + start, "PGSQL")
    add("POSTGRESQL", TCP, 5432, 50000, b"R" + be32(12) + be32(5) + b"salt", "PGSQL")
    add("POSTGRESQL", TCP, 50000, 5432, b"Q" + be32(13) + b"SELECT 1\0", "PGSQL")
    bson = b"\x10ping\0" + le32(1) + b"\2$db\0" + le32(6) + b"admin\0\0"
    msg = le32(7) + le32(0) + le32(2013) + le32(0) + b"\0" + le32(4 + len(bson)) + bson
    add("MONGODB", TCP, 50000, 27017, le32(len(msg) + 4) + msg, "MONGO")
    prelogin = bytes.fromhex("00000b00060100110001ff") + bytes.fromhex("0b000fa00000") + b"\0"
    add("MSSQL", TCP, 50000, 1433, b"\x12\1" + be16(8 + len(prelogin)) + bytes([0, 0, 1, 0]) + prelogin, "TDS")
    tns = be16(314) + be16(300) + bytes(22) + b"(DESCRIPTION=x)"
    add("ORACLE", TCP, 50000, 1521, be16(8 + len(tns)) + be16(0) + b"\1\0" + be16(0) + tns, "TNS")
    cql = be16(1) + be16(11) + b"CQL_VERSION" + be16(5) + b"3.0.0"
    add("CASSANDRA", TCP, 50000, 9042, bytes([4, 0, 0, 1, 1]) + be32(len(cql)) + cql, "CQL")
    kafka = be16(18) + be16(0) + be32(1) + be16(8) + b"producer"
    add("KAFKA", TCP, 50000, 9092, be32(len(kafka)) + kafka, "Kafka")
    add("ZOOKEEPER", TCP, 50000, 2181, be32(44) + be32(0) + bytes(8) + be32(30000) + bytes(8) + be32(16) + bytes(16),
        None)
    mqtt = b"\0\4MQTT\4\2" + be16(60) + be16(3) + b"abc"
    add("MQTT", TCP, 50000, 1883, b"\x10" + bytes([len(mqtt)]) + mqtt, "MQTT")
    add("AMQP", TCP, 50000, 5672, b"AMQP\0\0\x09\1", "AMQP")
    add("MEMCACHED", TCP, 50000, 11211, b"\x80\0" + be16(3) + bytes(4) + be32(3) + bytes(12) + b"key", "MEMCACHE")
    wire = b"\1ActiveMQ" + be32(12) + b"\1" + bytes(6)
    add("OPENWIRE", TCP, 50000, 61616, be32(len(wire)) + wire, "OpenWire")


def machines():
    add("MODBUS", TCP, 50000, 502, be16(1) + be16(0) + be16(6) + b"\1\3" + be16(0) + be16(10), "Modbus/TCP")
    s7 = b"\x32\1" + be16(0) + be16(0) + be16(8) + be16(0) + b"\xf0\0" + be16(1) + be16(1) + be16(480)
    add("S7COMM", TCP, 50000, 102, b"\3\0" + be16(7 + len(s7)) + b"\2\xf0\x80" + s7, "S7COMM")
    cr = b"\xe0" + be16(0) + be16(1) + b"\0" + bytes.fromhex("c0010ac1020100c2020102")
    add("COTP", TCP, 50000, 102, b"\3\0" + be16(5 + len(cr)) + bytes([len(cr)]) + cr, "COTP", anywhere=True)
    rdp = b"\xe0" + be16(0) + be16(0) + b"\0Cookie: mstshash=bob\r\n\1\0\x08\0\3\0\0\0"
    add("RDP", TCP, 50000, 3389, b"\3\0" + be16(5 + len(rdp)) + bytes([len(rdp)]) + rdp, "RDP")
    # IEEE 1815: reset link; the CRC is Wireshark's own as well (--check)
    add("DNP3", TCP, 50000, 20000, bytes.fromhex("056405c001000004e921"), "DNP 3.0")
    add("IEC104", TCP, 50000, 2404, bytes.fromhex("680407000000"), "IEC 60870-5-104")
    add("ENIP", TCP, 50000, 44818, bytes.fromhex("65000400") + bytes(20) + bytes.fromhex("01000000"), "ENIP")
    url = b"opc.tcp://h:4840"
    hel = bytes(4) + le32(65536) + le32(65536) + bytes(8) + le32(len(url)) + url
    add("OPCUA", TCP, 50000, 4840, b"HELF" + le32(8 + len(hel)) + hel, "OpcUa")
    add("BACNET", UDP, 47808, 47808, bytes.fromhex("810b000c0120ffff00ff1008"), "BACnet-APDU")
    add("DOIP", TCP, 50000, 13400, bytes.fromhex("02fd000500000007") + be16(0x0e00) + b"\0" + bytes(4), "DoIP")
    add("SOMEIP", UDP, 30490, 30490, be32(0x12345678) + be32(8) + be32(0x00010001) + b"\1\1\0\0", None)
    add("COAP", UDP, 50000, 5683, bytes.fromhex("40010001b474657374"), "CoAP", anywhere=False)
    add("RTPS", UDP, 50000, 7400, b"RTPS\2\2\1\1" + bytes(12) + bytes.fromhex("0e010c00") + bytes(12), "RTPS")


def files():
    smb2 = b"\xfeSMB" + struct.pack("<H", 64) + bytes(58)
    smb2 += bytes.fromhex("240001000100000000000000") + bytes(24) + bytes.fromhex("0202")
    add("SMB", TCP, 50000, 445, be32(len(smb2)) + smb2, "SMB2")
    call = be32(7) + be32(0) + be32(2) + be32(100003) + be32(3) + be32(0) + bytes(16)
    add("NFS", UDP, 50000, 2049, call, "NFS")
    add("NFS", TCP, 50000, 2049, be32(0x80000000 | len(call)) + call, "NFS")
    get = be32(7) + be32(0) + be32(2) + be32(100000) + be32(2) + be32(3) + bytes(16) \
        + be32(100003) + be32(3) + be32(17) + be32(0)
    add("SUNRPC", UDP, 50000, 111, get, "Portmap")
    add("SUNRPC", UDP, 111, 50000, be32(0x5f3a0007) + be32(1) + be32(0) + bytes(8) + be32(0) + be32(2049), None)
    bind = bytes.fromhex("05000b03100000003400000001000000") + bytes.fromhex("d016d016000000000000000000000000") \
        + bytes(20)
    add("DCERPC", TCP, 50000, 135, bind, "DCERPC")
    add("TELNET", TCP, 23, 50000, bytes.fromhex("fffd18fffd20fffd23"), "TELNET")
    add("TELNET", TCP, 23, 50000, bytes.fromhex("fffb01"), "TELNET", anywhere=False)
    add("SOCKS", TCP, 50000, 1080, b"\5\1\0", "Socks", anywhere=False)
    add("X11", TCP, 50000, 6000, b"l\0" + struct.pack("<HHHHH", 11, 0, 0, 0, 0), "X11")
    add("BITCOIN", TCP, 50000, 8333, bytes.fromhex("f9beb4d9") + b"verack\0\0\0\0\0\0" + le32(0)
        + bytes.fromhex("5df6e0e2"), "Bitcoin")
    add("GNUTELLA", UDP, 50000, 6346, bytes(range(1, 17)) + b"\0\1\0" + le32(3) + b"\xc3\0\0", None)
    login = b"\x43\x87\0\0\0" + b"\0\0\x17" + bytes(40) + b"InitiatorName=iqn.1987\0"
    add("ISCSI", TCP, 50000, 3260, login + b"\0", "iSCSI")


def sctp():
    def data(ppid):
        return b"\0\3" + be16(16 + 5) + be32(1) + be16(0) + be16(0) + be32(ppid) + b"abcde\0\0\0"
    sack = b"\3\0" + be16(16) + bytes(12)
    add("M3UA", SCTP, 50000, 2905, data(3), None)
    add("S1AP", SCTP, 50000, 36412, sack + data(18), None)
    add("NGAP", SCTP, 50000, 38412, data(60), None)


class Quic:
    """RFC 9001 5 and RFC 9369 3.3, the client's side."""
    SALTS = {1: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
             0x6b3343cf: "0dede3def700a6db819381be6e269dcbf9bd2ed9",
             0xff00001d: "afbfec289993d24c9e9786f19c6111e04390a899",
             0xff00001b: "c3eef712c72ebb5a11a7d2432bb46365bef9f502",
             0xfaceb001: "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a",
             0x51303530: "504574efd066fe2f9d945cfcdbd3a7f0d3b56b45",
             0x54303530: "7ff579e5acd07291558030 4c43a2367c60488310",
             0x54303531: "7a4edef4e7ccee5fa4506c19124fc8ccda6e033d"}

    def __init__(self, version, dcid):
        self.version, self.dcid = version, dcid
        initial = self.hmac(bytes.fromhex(self.SALTS[version]), dcid)
        client = self.expand(initial, "client in", 32)
        front = "quicv2 " if version == 0x6b3343cf else "quic "
        self.key, self.iv, self.hp = (self.expand(client, front + label, n)
                                      for label, n in (("key", 16), ("iv", 12), ("hp", 16)))

    @staticmethod
    def hmac(key, data):
        h = hmac.HMAC(key, hashes.SHA256())
        h.update(data)
        return h.finalize()

    def expand(self, secret, label, n):
        label = b"tls13 " + label.encode()
        return self.hmac(secret, be16(n) + bytes([len(label)]) + label + b"\0\1")[:n]

    def initial(self, plain, number=2, token=b""):
        first = 0xd3 if self.version == 0x6b3343cf else 0xc3  # four bytes of packet number
        head = bytes([first]) + be32(self.version) + bytes([len(self.dcid)]) + self.dcid + b"\0"
        head += bytes([len(token)]) + token + be16(0x4000 | 4 + len(plain) + 16) + be32(number)
        nonce = (int.from_bytes(self.iv, "big") ^ number).to_bytes(12, "big")
        body = AESGCM(self.key).encrypt(nonce, plain, head)
        mask = Cipher(algorithms.AES(self.hp), modes.ECB()).encryptor().update(body[:16])
        covered = bytes([head[0] ^ mask[0] & 0x0f]) + head[1:-4]
        return covered + bytes(a ^ b for a, b in zip(head[-4:], mask[1:5])) + body


def crypto_frame(off, data, kind=b"\6"):
    return kind + be16(0x4000 | off) + be16(0x4000 | len(data)) + data


def quic():
    # RFC 9001 A.2: the client's first packet, for example.com
    plain = bytes.fromhex(
        "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868"
        "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578"
        "616d706c652e636f6dff01000100000a00080006001d00170018001000070005"
        "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba"
        "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
        "0d0010000e0403050306030203080408050806002d00020101001c0002400100"
        "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
        "75300901100f088394c8f03e51570806048000ffff").ljust(1162, b"\0")
    dcid = bytes.fromhex("8394c8f03e515708")
    printed = {1: ("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11",
                   "e221af44860018ab0856972e194cd934"),
               0x6b3343cf: ("d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485",
                            "a18b2faa745b6fe189cf772a9f84cbfc")}
    for version, (begin, end) in printed.items():
        packet = Quic(version, dcid).initial(plain)
        assert packet.startswith(bytes.fromhex(begin)) and packet.endswith(bytes.fromhex(end))
        add("QUIC", UDP, 50000, 443, packet, "QUIC", "example.com", version)
    hello = handshake(1, hello_body("quic.example.org"))
    for version in (0xff00001d, 0xff00001b, 0xfaceb001):
        packet = Quic(version, dcid).initial(crypto_frame(0, hello).ljust(1162, b"\0"))
        add("QUIC", UDP, 50000, 443, packet, "QUIC", "quic.example.org", version)
    for version in (0x54303530, 0x54303531):  # Google's T050, T051: their own frame types
        packet = Quic(version, dcid).initial(crypto_frame(0, hello, b"\x08").ljust(1162, b"\0"))
        add("QUIC", UDP, 50000, 443, packet, "QUIC", "quic.example.org", version)
    # as Chromium does: pieces out of order, PING and PADDING between them, a token
    third = len(hello) // 3
    mixed = crypto_frame(2 * third, hello[2 * third:]) + b"\1\0\0" + crypto_frame(0, hello[:third]) + bytes(9) \
        + crypto_frame(third, hello[third:2 * third])
    packet = Quic(1, dcid).initial(mixed.ljust(1100, b"\0"), token=b"token")
    add("QUIC", UDP, 50000, 443, packet, "QUIC", "quic.example.org", 1)
    # an acknowledgement first; the hello in two coalesced packets
    q = Quic(1, dcid)
    ack = b"\2\0\0\1\0\0\0"
    packet = q.initial(ack + crypto_frame(0, hello[:40]), 3) + q.initial(crypto_frame(40, hello[40:]).ljust(900, b"\0"), 4)
    add("QUIC", UDP, 50000, 443, packet, "QUIC", "quic.example.org", 1)
    # a hole before the name: nothing can be said
    packet = q.initial((crypto_frame(0, hello[:20]) + crypto_frame(21, hello[21:])).ljust(1162, b"\0"))
    add("QUIC", UDP, 50000, 443, packet, "QUIC", "", 1)
    # RFC 9000 17.2.1
    add("QUIC", UDP, 443, 50000, b"\x80" + be32(0) + b"\0\x08" + dcid + be32(1) + be32(0x0a1a2a3a), None)
    # Google's, Q043: public header, hash, stream frame, CHLO with PAD and SNI
    name = b"gquic.example"
    chlo = b"CHLO" + struct.pack("<HH", 2, 0) + b"PAD\0" + le32(4) + b"SNI\0" + le32(4 + len(name)) + b"----" + name
    sealed = Quic(0x51303530, dcid).initial(crypto_frame(0, chlo, b"\x08").ljust(1162, b"\0"))
    add("QUIC", UDP, 50000, 443, sealed, "QUIC", "gquic.example", 0x51303530)
    add("QUIC", UDP, 50000, 443, b"\x0d" + dcid + b"Q043\1" + bytes(12) + b"\xa0\1" + be16(len(chlo)) + chlo, "GQUIC",
        "gquic.example", 0x51303433)


def collect():
    for part in (text_protocols, tls, names, administration, media, routers, tunnels, exporters, databases,
                 machines, files, sctp, quic):
        part()


def c_bytes(data):
    return "".join(f"\\{b:03o}" for b in data)


def write():
    lines = ["/* Written by tests/data/make_app.py; not to be edited. */"]
    for s in SAMPLES:
        lines.append(f'\t{{APP_{s.app}, {s.proto}, {s.sport}, {s.dport}, {len(s.data)}, "{s.name}", 0x{s.quic:x},'
                     f' {"true" if s.anywhere else "false"},')
        for i in range(0, len(s.data), 20):
            lines.append(f'\t "{c_bytes(s.data[i:i + 20])}"')
        lines[-1] += "},"
    lines.append("")
    (TESTS / "unit" / "app_samples.def").write_text("\n".join(lines))
    seeds = TESTS / "fuzz" / "corpus" / "app"
    seeds.mkdir(parents=True, exist_ok=True)
    for old in seeds.iterdir():
        old.unlink()
    count = collections.Counter()
    for s in SAMPLES:
        count[s.app] += 1
        head = struct.pack("!BHH", s.proto, s.sport, s.dport)
        (seeds / f"{s.app.lower()}-{count[s.app]}").write_bytes(head + s.data)


def packet(number, s):
    if s.proto == UDP:
        body = struct.pack("!HHHH", s.sport, s.dport, 8 + len(s.data), 0) + s.data
    elif s.proto == TCP:
        body = struct.pack("!HHIIBBHHH", s.sport, s.dport, 1000, 1000, 5 << 4, 0x18, 65535, 0, 0) + s.data
    else:
        body = struct.pack("!HHII", s.sport, s.dport, 1, 0) + s.data
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, s.proto, 0)
    return head + frames.addr(f"10.0.{number >> 8}.{number & 255}") + frames.addr("192.0.2.2") + body


def tshark(samples):
    """What tshark shows for each: [protocol, TLS server name, gQUIC server name]"""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for i, s in enumerate(samples):
            p = packet(i, s)
            f.write(struct.pack("<IIII", 1700000000 + i, 0, len(p), len(p)) + p)
        f.flush()
        out = subprocess.run(["tshark", "-n", "-d", "tcp.port==27017,mongo", "-r", f.name, "-T", "fields",
                              "-E", "occurrence=f", "-e", "_ws.col.Protocol",
                              "-e", "tls.handshake.extensions_server_name", "-e", "gquic.tag.sni"],
                             capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in out.splitlines()]


def check():
    wrong = 0
    for s, (got, *names) in zip(SAMPLES, tshark(SAMPLES)):
        if s.quic:  # alone: tshark knows a connection by its id, and all have the one of RFC 9001
            names = tshark([s])[0][1:]
            if "".join(names) != s.name:
                print(f"{s.app} {s.quic:x}: tshark finds the name {names}, expected {s.name}")
                wrong += 1
        if s.tshark and got != s.tshark:
            print(f"{s.app} {s.sport}>{s.dport}: tshark says {got}, expected {s.tshark}")
            wrong += 1
        elif not s.tshark:
            print(f"{s.app} {s.sport}>{s.dport}: not asked, tshark says {got}")
    print(f"{len(SAMPLES)} samples, {wrong} wrong")
    return wrong != 0


if __name__ == "__main__":
    collect()
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    write()
