/* Encoding of classic BPF instructions (McCanne, Jacobson: "The BSD Packet
 * Filter", 1993; Linux Documentation/networking/filter.rst).  For src/filter
 * only. */
#pragma once

enum {
	/* class */
	OP_LD = 0x00,
	OP_LDX = 0x01,
	OP_ST = 0x02,
	OP_STX = 0x03,
	OP_ALU = 0x04,
	OP_JMP = 0x05,
	OP_RET = 0x06,
	OP_MISC = 0x07,
	/* size */
	OP_W = 0x00,
	OP_H = 0x08,
	OP_B = 0x10,
	/* mode */
	OP_IMM = 0x00,
	OP_ABS = 0x20,
	OP_IND = 0x40,
	OP_MEM = 0x60,
	OP_LEN = 0x80,
	OP_MSH = 0xa0,
	/* arithmetic */
	OP_ADD = 0x00,
	OP_SUB = 0x10,
	OP_MUL = 0x20,
	OP_DIV = 0x30,
	OP_OR = 0x40,
	OP_AND = 0x50,
	OP_LSH = 0x60,
	OP_RSH = 0x70,
	OP_NEG = 0x80,
	OP_MOD = 0x90,
	OP_XOR = 0xa0,
	/* jumps */
	OP_JA = 0x00,
	OP_JEQ = 0x10,
	OP_JGT = 0x20,
	OP_JGE = 0x30,
	OP_JSET = 0x40,
	/* operand; the value of a return */
	OP_K = 0x00,
	OP_X = 0x08,
	OP_A = 0x10,
	/* misc */
	OP_TAX = 0x00,
	OP_TXA = 0x80,
};

#define OP_MEM_WORDS 16
