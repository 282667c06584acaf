#include "core/netascii.h"

size_t
netascii_encode(struct netascii_encoder *enc, const uint8_t *in,
    size_t in_len, size_t *used, uint8_t *out, size_t size)
{
	size_t taken = 0, len = 0;
	uint8_t byte;

	while (len < size) {
		if (enc->has_pending) {
			out[len++] = enc->pending;
			enc->has_pending = false;
			continue;
		}
		if (taken == in_len)
			break;
		byte = in[taken++];
		if (byte == '\n' || byte == '\r') {
			enc->has_pending = true;
			enc->pending = byte == '\n' ? '\n' : '\0';
			byte = '\r';
		}
		out[len++] = byte;
	}
	*used = taken;
	return len;
}

size_t
netascii_decode(struct netascii_decoder *dec, const uint8_t *in,
    size_t in_len, uint8_t *out)
{
	size_t i, len = 0;
	uint8_t byte;

	for (i = 0; i < in_len; i++) {
		byte = in[i];
		if (dec->after_cr) {
			dec->after_cr = false;
			if (byte == '\n' || byte == '\0') {
				out[len++] = byte == '\n' ? '\n' : '\r';
				continue;
			}
			out[len++] = '\r';
		}
		if (byte == '\r')
			dec->after_cr = true;
		else
			out[len++] = byte;
	}
	return len;
}

size_t
netascii_decode_end(struct netascii_decoder *dec, uint8_t out[static 1])
{
	if (!dec->after_cr)
		return 0;
	dec->after_cr = false;
	out[0] = '\r';
	return 1;
}
