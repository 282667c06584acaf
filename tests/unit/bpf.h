/*
 * bpf - classic BPF as the kernel runs it for seccomp: what a program
 * answers, for any machine's calls, without installing it.
 *
 * Words of 64 bits are looked at by halves, and all machines of ours are
 * little-endian: so is the one that runs this.
 */
#ifndef UNIT_BPF_H
#define UNIT_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What no program may answer: the interpreter has come to a fault. */
#define BPF_FAULT	0xdeadbeefu

/* ---- what the kernel would not take ----------------------------------- */

static inline bool
bpf_is_load_good(const struct sock_filter *in)
{
	switch (in->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return in->k % 4 == 0 && in->k < sizeof(struct seccomp_data);
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return in->k < BPF_MEMWORDS;
	}
	return false;
}

static inline bool
bpf_is_alu_good(const struct sock_filter *in)
{
	switch (BPF_OP(in->code)) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
	case BPF_NEG:
		return true;
	case BPF_DIV:
		return BPF_SRC(in->code) == BPF_X || in->k != 0;
	case BPF_LSH:
	case BPF_RSH:
		return BPF_SRC(in->code) == BPF_X || in->k < 32;
	}
	return false;
}

/* left: how many instructions follow. */
static inline bool
bpf_is_jump_good(const struct sock_filter *in, unsigned left)
{
	switch (BPF_OP(in->code)) {
	case BPF_JA:
		return in->k < left;
	case BPF_JEQ:
	case BPF_JGT:
	case BPF_JGE:
	case BPF_JSET:
		return in->jt < left && in->jf < left;
	}
	return false;
}

/*
 * What is wrong with a program, in words, or NULL: every jump leads forward
 * and stays inside, the last instruction returns, so every path does.
 */
static inline const char *
bpf_fault(const struct sock_filter *insns, unsigned count)
{
	const struct sock_filter *in;
	unsigned i;

	if (count == 0 || count > BPF_MAXINSNS)
		return "its length";
	for (i = 0; i < count; i++) {
		in = &insns[i];
		switch (BPF_CLASS(in->code)) {
		case BPF_JMP:
			if (!bpf_is_jump_good(in, count - i - 1))
				return "a jump";
			break;
		case BPF_ALU:
			if (!bpf_is_alu_good(in))
				return "a calculation";
			break;
		case BPF_RET:
			if (BPF_RVAL(in->code) == BPF_X)
				return "what it returns";
			break;
		case BPF_MISC:
			break;
		default:
			if (!bpf_is_load_good(in))
				return "a load or store";
		}
	}
	return BPF_CLASS(insns[count - 1].code) == BPF_RET ? NULL :
	    "its end";
}

/* ---- running ---------------------------------------------------------- */

struct bpf_state {
	uint32_t a, x, mem[BPF_MEMWORDS];
};

static inline uint32_t
bpf_word(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;

	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static inline void
bpf_move(struct bpf_state *s, const struct sock_filter *in,
    const struct seccomp_data *data)
{
	switch (in->code) {
	case BPF_LD | BPF_W | BPF_ABS: s->a = bpf_word(data, in->k); break;
	case BPF_LD | BPF_W | BPF_LEN: s->a = sizeof(*data); break;
	case BPF_LDX | BPF_W | BPF_LEN: s->x = sizeof(*data); break;
	case BPF_LD | BPF_IMM: s->a = in->k; break;
	case BPF_LDX | BPF_IMM: s->x = in->k; break;
	case BPF_LD | BPF_MEM: s->a = s->mem[in->k]; break;
	case BPF_LDX | BPF_MEM: s->x = s->mem[in->k]; break;
	case BPF_ST: s->mem[in->k] = s->a; break;
	case BPF_STX: s->mem[in->k] = s->x; break;
	}
}

static inline void
bpf_calculate(struct bpf_state *s, const struct sock_filter *in)
{
	uint32_t with = BPF_SRC(in->code) == BPF_X ? s->x : in->k;

	switch (BPF_OP(in->code)) {
	case BPF_ADD: s->a += with; break;
	case BPF_SUB: s->a -= with; break;
	case BPF_MUL: s->a *= with; break;
	case BPF_DIV: s->a = with == 0 ? 0 : s->a / with; break;
	case BPF_AND: s->a &= with; break;
	case BPF_OR: s->a |= with; break;
	case BPF_XOR: s->a ^= with; break;
	case BPF_LSH: s->a <<= with & 31; break;
	case BPF_RSH: s->a >>= with & 31; break;
	case BPF_NEG: s->a = 0u - s->a; break;
	}
}

/* How many instructions are stepped over. */
static inline uint32_t
bpf_jump(const struct bpf_state *s, const struct sock_filter *in)
{
	uint32_t with = BPF_SRC(in->code) == BPF_X ? s->x : in->k;
	bool yes = false;

	switch (BPF_OP(in->code)) {
	case BPF_JA: return in->k;
	case BPF_JEQ: yes = s->a == with; break;
	case BPF_JGT: yes = s->a > with; break;
	case BPF_JGE: yes = s->a >= with; break;
	case BPF_JSET: yes = (s->a & with) != 0; break;
	}
	return yes ? in->jt : in->jf;
}

/*
 * What a program that has no fault answers to a call.
 *
 * steps  if not NULL, set to how many instructions that took
 */
static inline uint32_t
bpf_run(const struct sock_filter *insns, unsigned count,
    const struct seccomp_data *data, unsigned *steps)
{
	struct bpf_state s = { 0 };
	const struct sock_filter *in;
	unsigned at, taken = 0;

	for (at = 0; at < count; at++) {
		in = &insns[at];
		taken++;
		switch (BPF_CLASS(in->code)) {
		case BPF_JMP: at += bpf_jump(&s, in); break;
		case BPF_ALU: bpf_calculate(&s, in); break;
		case BPF_MISC:
			if (BPF_MISCOP(in->code) == BPF_TAX)
				s.x = s.a;
			else
				s.a = s.x;
			break;
		case BPF_RET:
			if (steps != NULL)
				*steps = taken;
			return BPF_RVAL(in->code) == BPF_A ? s.a : in->k;
		default: bpf_move(&s, in, data); break;
		}
	}
	return BPF_FAULT;
}

#endif
