/* CRC-32C (Castagnoli), as RFC 3720 appendix B.4 has it: of what is kept in files. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The checksum of 'n' bytes that follow others, whose checksum was 'crc' (0: none). */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* The checksum of bytes whose first ones have 'a', and the 'n' behind them 'b'. */
uint32_t crc32c_join(uint32_t a, uint32_t b, uint64_t n);
