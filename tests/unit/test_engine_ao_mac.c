// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_engine_ao_mac.c - engine/ao_mac.c: traffic keys and MACs of TCP-AO, by the test vectors of RFC 9235. */
#include "engine_kit.h"

#include <nettle/cmac.h>
#include "engine/ao.h"

struct vector {
	const char *section; /* of RFC 9235 */
	enum ao_alg alg;
	uint8_t flags;
	uint32_t sisn, disn;
	const char *traffic, *packet;
};

/* The text of the segments with text. */
#define V4_CLIENT                                                                                  \
	"ffffffffffffffffffffffffffffffff00430104dabf00b40a0b0c0d26020601040001000102028000020202" \
	"0002024200020641040000dabf02084006006400010100"
#define V4_SERVER                                                                                  \
	"ffffffffffffffffffffffffffffffff00430104dac000b4ac1b1c1d26020601040001000102028000020202" \
	"0002024200020641040000dac002084006006400010100"
#define V6_CLIENT                                                                                  \
	"ffffffffffffffffffffffffffffffff00430104fde800b40101017926020601040001000102028000020202" \
	"0002024200020641040000fde802084006006400010100"
#define V6_SERVER                                                                                  \
	"ffffffffffffffffffffffffffffffff00430104fde800b40101017a26020601040001000102028000020202" \
	"0002024200020641040000fde802084006006400010100"

static const struct vector vectors[] = {
	{ "4.1.1", AO_HMAC_SHA_1_96, 0, 0xfbfbab5a, 0x00000000, "6d63ef1b02fe1509d4b1402707fd7b0416abb74f",
	  "45e0004cdd0f4000ff06bf6b0a0b0c0dac1b1c1de9d700b3fbfbab5a00000000e002ffffcac40000020405b4"
	  "010303080402080a00155ab7000000001d103d542ee437c6f8ede6d7c4d602e7" },
	{ "4.1.2", AO_HMAC_SHA_1_96, 0, 0x11c14261, 0xfbfbab5a, "d9e217e4834a80ca2f3fd8de2e41b8e6797fea96",
	  "45e0004c65064000ff063775ac1b1c1d0a0b0c0d00b3e9d711c14261fbfbab5be012ffff37760000020405b4"
	  "010303080402080a84a50beb00155ab71d10543deeab0fe24c3010815116b3be" },
	{ "4.1.3", AO_HMAC_SHA_1_96, 0, 0xfbfbab5a, 0x11c14261, "d2e59c65ffc7b1a39347656463b70edc24a13d71",
	  "45e0008736a14000ff06659f0a0b0c0dac1b1c1de9d700b3fbfbab5b11c14262c0180104a16200000101080a"
	  "00155ac184a50beb1d103d547064cf998cc6c315c2c2e2bf" V4_CLIENT },
	{ "4.1.4", AO_HMAC_SHA_1_96, 0, 0x11c14261, 0xfbfbab5a, "d9e217e4834a80ca2f3fd8de2e41b8e6797fea96",
	  "45e000871fa94000ff067c97ac1b1c1d0a0b0c0d00b3e9d711c14262fbfbab9ec0180100400c00000101080a"
	  "84a50bf500155ac11d10543da63f0ecbbb2e635c954deac7" V4_SERVER },
	{ "4.2.1", AO_HMAC_SHA_1_96, AO_F_NO_OPTIONS, 0xcb0efbee, 0x00000000,
	  "30eaa1560cf0be57dab5c045229fb10a423cd7ea",
	  "45e0004c53994000ff0648e20a0b0c0dac1b1c1dff1200b3cb0efbee00000000e002ffff541f0000020405b4"
	  "010303080402080a00024cce000000001d103d5480af3cfeb85368937b8f9ec2" },
	{ "4.2.2", AO_HMAC_SHA_1_96, AO_F_NO_OPTIONS, 0xacd5b5e1, 0xcb0efbee,
	  "b5b2896bb3664e8176b0edc6e799524101a8307f",
	  "45e0004c32844000ff0669f7ac1b1c1d0a0b0c0d00b3ff12acd5b5e1cb0efbefe012ffff388e0000020405b4"
	  "010303080402080a576772f300024cce1d10543d09306f9acea63a8c68cb9a70" },
	{ "4.2.3", AO_HMAC_SHA_1_96, AO_F_NO_OPTIONS, 0xcb0efbee, 0xacd5b5e1,
	  "f3db1793d7910ecd806c34f155ea1f00345953e3",
	  "45e00087a8f54000ff06f34a0a0b0c0dac1b1c1dff1200b3cb0efbefacd5b5e2c01801046c4500000101080a"
	  "00024cce576772f31d103d54710608cc696c03a271c93aa5" V4_CLIENT },
	{ "4.2.4", AO_HMAC_SHA_1_96, AO_F_NO_OPTIONS, 0xacd5b5e1, 0xcb0efbee,
	  "b5b2896bb3664e8176b0edc6e799524101a8307f",
	  "45e0008754374000ff064809ac1b1c1d0a0b0c0d00b3ff12acd5b5e2cb0efc32c018010046b600000101080a"
	  "576772f300024cce1d10543d97766e48ac262de9ae61b4f9" V4_SERVER },
	{ "5.1.1", AO_AES_128_CMAC_96, 0, 0x787a1ddf, 0x00000000, "f5b8b3d5f34fdbb6eb8d4ab9660e60e3",
	  "45e0004c7b9f4000ff0620dc0a0b0c0dac1b1c1dc4fa00b3787a1ddf00000000e002ffff5a0f0000020405b4"
	  "010303080402080a00017ed0000000001d103d54e477e99c8040765498e55091" },
	{ "5.1.2", AO_AES_128_CMAC_96, 0, 0xfadd6de9, 0x787a1ddf, "4bc7571a486f3264bbd888474066b4b1",
	  "45e0004c4bad4000ff0650ceac1b1c1d0a0b0c0d00b3c4fafadd6de9787a1de0e012fffff3f20000020405b4"
	  "010303080402080a93f4e9e800017ed01d10543dd6ada7bc4cdd536d1769db5f" },
	{ "5.1.3", AO_AES_128_CMAC_96, 0, 0x787a1ddf, 0xfadd6de9, "8c8ae0e8371ec5cbb97ea79d90418391",
	  "45e00087fb4f4000ff06a0f00a0b0c0dac1b1c1dc4fa00b3787a1de0fadd6deac0180104950500000101080a"
	  "00017ed093f4e9e81d103d5477412742fa4dc433eff0973e" V4_CLIENT },
	{ "5.1.4", AO_AES_128_CMAC_96, 0, 0xfadd6de9, 0x787a1ddf, "4bc7571a486f3264bbd888474066b4b1",
	  "45e00087b9144000ff06e32bac1b1c1d0a0b0c0d00b3c4fafadd6dea787a1e23c0180100e7db00000101080a"
	  "93f4e9e800017ed01d10543df6d965a78382a74845f72dac" V4_SERVER },
	{ "5.2.1", AO_AES_128_CMAC_96, AO_F_NO_OPTIONS, 0x389bed71, 0x00000000, "2cdbae1392c49449fa92c4509735d50e",
	  "45e0004cf22e4000ff06aa4c0a0b0c0dac1b1c1dda1c00b3389bed7100000000e002ffff70bf0000020405b4"
	  "010303080402080a000185e1000000001d103d54c44e60cb31f7c0b1de3d2749" },
	{ "5.2.2", AO_AES_128_CMAC_96, AO_F_NO_OPTIONS, 0xd3844a6f, 0x389bed71, "3ce67a551869506b6347b633c50a624a",
	  "45e0004c6cc04000ff062fbbac1b1c1d0a0b0c0d00b3da1cd3844a6f389bed72e012ffffe4450000020405b4"
	  "010303080402080ace459838000185e11d10543d3a6abb207e49b1be7136db90" },
	{ "5.2.3", AO_AES_128_CMAC_96, AO_F_NO_OPTIONS, 0x389bed71, 0xd3844a6f, "035bc400a341ffe595f59f58005006ca",
	  "45e00087ee914000ff06adae0a0b0c0dac1b1c1dda1c00b3389bed72d3844a70c0180104885100000101080a"
	  "000185e1ce4598381d103d547585e9e9d5c3ec857b96f837" V4_CLIENT },
	{ "5.2.4", AO_AES_128_CMAC_96, AO_F_NO_OPTIONS, 0xd3844a6f, 0x389bed71, "3ce67a551869506b6347b633c50a624a",
	  "45e000876a214000ff06321fac1b1c1d0a0b0c0d00b3da1cd3844a70389bed72c0180100044900000101080a"
	  "ce459838000185e11d10543d5c040fd9233304765c0982f4" V4_SERVER },
	{ "6.1.1", AO_HMAC_SHA_1_96, 0, 0x176a833f, 0x00000000, "625ec09d575836edc9b6428418bbf06989a361bb",
	  "6e0891dc00380640fd000000000000000000000000000001fd000000000000000000000000000002f7e400b3"
	  "176a833f00000000e002ffff47210000020405a0010303080402080a0041d087000000001d103d549033ec3d"
	  "7334b64c5edd039f" },
	{ "6.1.2", AO_HMAC_SHA_1_96, 0, 0x3f51994b, 0x176a833f, "e4a37ada2a0afca8711434913fe138c771ebcb4a",
	  "6e01009e00380640fd000000000000000000000000000002fd00000000000000000000000000000100b3f7e4"
	  "3f51994b176a8340e012ffffbfec0000020405a0010303080402080abd33129b0041d0871d10543df1cba346"
	  "c3526163f71f1f55" },
	{ "6.1.3", AO_HMAC_SHA_1_96, 0, 0x176a833f, 0x3f51994b, "1ed82975f4ea444c61580c5bd90dbd61bbc91b7e",
	  "6e0891dc00730640fd000000000000000000000000000001fd000000000000000000000000000002f7e400b3"
	  "176a83403f51994cc0180100329c00000101080a0041d091bd33129b1d103d54bf0805feb4ac7b163d6fcdf2" V6_CLIENT },
	{ "6.1.4", AO_HMAC_SHA_1_96, 0, 0x3f51994b, 0x176a833f, "e4a37ada2a0afca8711434913fe138c771ebcb4a",
	  "6e01009e00730640fd000000000000000000000000000002fd00000000000000000000000000000100b3f7e4"
	  "3f51994c176a8383c0180100ee6e00000101080abd3312a50041d0911d10543d6c48125c11335bab9a07a797" V6_SERVER },
	{ "6.2.1", AO_HMAC_SHA_1_96, AO_F_NO_OPTIONS, 0x020c1e69, 0x00000000,
	  "31a3faf69effae52931b7f845467315c270a4edc",
	  "6e078fcd00380640fd000000000000000000000000000001fd000000000000000000000000000002c6cd00b3"
	  "020c1e6900000000e002ffffa41a0000020405a0010303080402080a009db95b000000001d103d54885698b0"
	  "530ed4d5a15f8346" },
	{ "6.2.2", AO_HMAC_SHA_1_96, AO_F_NO_OPTIONS, 0xeba3734d, 0x020c1e69,
	  "405108947f996575e7bdbc26d40216a2c7fa91bd",
	  "6e0a7e1f00380640fd000000000000000000000000000002fd00000000000000000000000000000100b3c6cd"
	  "eba3734d020c1e6ae012ffff774d0000020405a0010303080402080a5ec99b70009db95b1d10543d3c546bad"
	  "9743f12df8b8010d" },
	{ "6.2.3", AO_HMAC_SHA_1_96, AO_F_NO_OPTIONS, 0x020c1e69, 0xeba3734d,
	  "b34eed6a9396a669f1c4f4f57618f3656f52c7ab",
	  "6e078fcd00730640fd000000000000000000000000000001fd000000000000000000000000000002c6cd00b3"
	  "020c1e6aeba3734ec018010083e600000101080a009db9655ec99b701d103d5448bd093b1924e001192f5bf0" V6_CLIENT },
	{ "6.2.4", AO_HMAC_SHA_1_96, AO_F_NO_OPTIONS, 0xeba3734d, 0x020c1e69,
	  "405108947f996575e7bdbc26d40216a2c7fa91bd",
	  "6e0a7e1f00730640fd000000000000000000000000000002fd00000000000000000000000000000100b3c6cd"
	  "eba3734e020c1eadc0180100716a00000101080a5ec99b7a009db9651d10543d559a819445b4fde98d9e1317" V6_SERVER },
	{ "7.1.1", AO_AES_128_CMAC_96, 0, 0x193cccec, 0x00000000, "fa5a2108882d39d0c71929175ab1b7b8",
	  "6e04a70600380640fd000000000000000000000000000001fd000000000000000000000000000002f85a00b3"
	  "193cccec00000000e002ffffde5d0000020405a0010303080402080a13e4ab99000000001d103d5459b58810"
	  "7481ac6dc3927040" },
	{ "7.1.2", AO_AES_128_CMAC_96, 0, 0xa6744ecb, 0x193cccec, "cf1b1e225e06a63616764a067b46f4b1",
	  "6e06152000380640fd000000000000000000000000000002fd00000000000000000000000000000100b3f85a"
	  "a6744ecb193cccede012ffffeabb0000020405a0010303080402080a71daabc813e4ab991d10543ddc2843a8"
	  "4e78a6bcfdc5ed80" },
	{ "7.1.3", AO_AES_128_CMAC_96, 0, 0x193cccec, 0xa6744ecb, "6174c3557abed27574dba37185f00300",
	  "6e04a70600730640fd000000000000000000000000000001fd000000000000000000000000000002f85a00b3"
	  "193ccceda6744eccc0180100328000000101080a13e4aba371daabc81d103d547b6a455c0d4f5f01835baab3" V6_CLIENT },
	{ "7.1.4", AO_AES_128_CMAC_96, 0, 0xa6744ecb, 0x193cccec, "cf1b1e225e06a63616764a067b46f4b1",
	  "6e06152000730640fd000000000000000000000000000002fd00000000000000000000000000000100b3f85a"
	  "a6744ecc193ccd30c018010052f400000101080a71daabd313e4aba31d10543dc1069b7dfd3d693a6df3f289" V6_SERVER },
	{ "7.2.1", AO_AES_128_CMAC_96, AO_F_NO_OPTIONS, 0xb01da74a, 0x00000000, "a94f511263e4093d35dd818c13bbbf53",
	  "6e093d7600380640fd000000000000000000000000000001fd000000000000000000000000000002f28800b3"
	  "b01da74a00000000e002ffff75ff0000020405a0010303080402080a14275b3b000000001d103d543d45b434"
	  "2de8bb1530847898" },
	{ "7.2.2", AO_AES_128_CMAC_96, AO_F_NO_OPTIONS, 0xa6246145, 0xb01da74a, "92dea5bbc78b1d9f5b2952e9cd30642a",
	  "6e0c600a00380640fd000000000000000000000000000002fd00000000000000000000000000000100b3f288"
	  "a6246145b01da74be012ffffa70c0000020405a0010303080402080a1782245b14275b3b1d10543d1d01f6c8"
	  "7c6f93acffa9d4b5" },
	{ "7.2.3", AO_AES_128_CMAC_96, AO_F_NO_OPTIONS, 0xb01da74a, 0xa6246145, "4fb2086e402c679079ed65d4bf97693d",
	  "6e093d7600730640fd000000000000000000000000000001fd000000000000000000000000000002f28800b3"
	  "b01da74ba6246146c0180100c36d00000101080a14275b4f1782245b1d103d54290cf414ccb47a333276e7f8" V6_CLIENT },
	{ "7.2.4", AO_AES_128_CMAC_96, AO_F_NO_OPTIONS, 0xa6246145, 0xb01da74a, "92dea5bbc78b1d9f5b2952e9cd30642a",
	  "6e0c600a00730640fd000000000000000000000000000002fd00000000000000000000000000000100b3f288"
	  "a6246146b01da78ec0180100345100000101080a1782246514275b4f1d10543d99515ffcd5403499f619fd1b" V6_SERVER },
};

static const char master[] = "testvector";

static uint32_t from_hex(const char *hex, uint8_t *out, uint32_t max)
{
	uint32_t n = (uint32_t)strlen(hex) / 2;
	unsigned int byte;

	assert_true(n <= max);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return n;
}

struct packet {
	uint8_t data[256];
	uint8_t traffic[AO_TRAFFIC_BYTES];
	uint32_t traffic_len;
	struct wire_ip ip;
	struct tcp_seg seg;
	struct ao_text text;
	struct ao_context context;
};

static void take(const struct vector *v, struct packet *p)
{
	uint32_t len = from_hex(v->packet, p->data, sizeof(p->data));
	bool v4 = p->data[0] >> 4 == 4;
	uint8_t *tcp = p->data + (v4 ? 20 : 40), *option = tcp + (tcp[12] >> 4) * 4 - AO_OPTION_BYTES;

	if (v4)
		assert_int_equal(wire_parse_ip4(p->data, p->data + len, len, 0, &p->ip), WIRE_OK);
	else
		assert_int_equal(wire_parse_ip6(p->data, p->data + len, len, 0, &p->ip), WIRE_OK);
	p->traffic_len = from_hex(v->traffic, p->traffic, AO_TRAFFIC_BYTES);
	assert_int_equal(option[0], AO_KIND);
	assert_int_equal(option[1], AO_OPTION_BYTES);
	memset(&p->seg, 0, sizeof(p->seg));
	p->seg.span[0].data = option + AO_OPTION_BYTES;
	p->seg.span[0].len = (uint32_t)(p->data + len - p->seg.span[0].data);
	p->seg.nspans = 1;
	p->text = (struct ao_text){ .src = &p->ip.saddr,
				    .dst = &p->ip.daddr,
				    .tcp = tcp,
				    .option = option,
				    .l4_len = (uint32_t)(p->data + len - tcp),
				    .seg = &p->seg };
	p->context = (struct ao_context){ .src = &p->ip.saddr, .dst = &p->ip.daddr, .sisn = v->sisn, .disn = v->disn };
	memcpy(&p->context.sport, tcp, 2);
	memcpy(&p->context.dport, tcp + 2, 2);
}

static void test_ao_vectors_of_rfc_9235(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct ao_sign s = { .alg = (uint8_t)v->alg, .flags = v->flags };
		uint8_t traffic[AO_TRAFFIC_BYTES], mac[AO_MAC_BYTES];
		struct packet p;

		take(v, &p);
		ao_derive(v->alg, (const uint8_t *)master, sizeof(master) - 1, &p.context, traffic);
		if (memcmp(traffic, p.traffic, p.traffic_len))
			fail_msg("%s: another traffic key", v->section);
		s.traffic = traffic;
		ao_mac(&s, &p.text, mac);
		if (memcmp(mac, p.text.option + 4, AO_MAC_BYTES))
			fail_msg("%s: another MAC", v->section);
	}
}

/* Whatever the MAC covers changes it; what it leaves out does not. */
static void check_cover(const struct vector *v, uint32_t at, bool covered)
{
	struct ao_sign s = { .alg = (uint8_t)v->alg, .flags = v->flags };
	uint8_t mac[AO_MAC_BYTES];
	struct packet p;

	take(v, &p);
	s.traffic = p.traffic;
	p.data[p.text.tcp - p.data + at] ^= 0x10;
	ao_mac(&s, &p.text, mac);
	assert_int_equal(!memcmp(mac, p.text.option + 4, AO_MAC_BYTES), !covered);
}

static void test_ao_mac_covers_header_and_data(void **state)
{
	for (size_t i = 2; i < sizeof(vectors) / sizeof(vectors[0]); i += 4) { /* with 12 bytes of timestamps */
		const struct vector *v = &vectors[i];
		bool options = !(v->flags & AO_F_NO_OPTIONS);

		check_cover(v, 5, true);       /* sequence number */
		check_cover(v, 14, true);      /* window */
		check_cover(v, 16, false);     /* checksum */
		check_cover(v, 26, options);   /* timestamp */
		check_cover(v, 32 + 2, true);  /* KeyID */
		check_cover(v, 32 + 3, true);  /* RNextKeyID */
		check_cover(v, 32 + 16, true); /* data */
		check_cover(v, 32 + 16 + 50, true);
	}
}

static void test_ao_mac_depends_on_sne_and_key(void **state)
{
	struct ao_sign s = { .alg = AO_HMAC_SHA_1_96, .sne = 1 };
	uint8_t mac[AO_MAC_BYTES];
	struct packet p;

	take(&vectors[3], &p);
	s.traffic = p.traffic;
	ao_mac(&s, &p.text, mac);
	assert_memory_not_equal(mac, p.text.option + 4, AO_MAC_BYTES);
	s.sne = 0;
	ao_mac(&s, &p.text, mac);
	assert_memory_equal(mac, p.text.option + 4, AO_MAC_BYTES);
	p.traffic[19] ^= 1;
	ao_mac(&s, &p.text, mac);
	assert_memory_not_equal(mac, p.text.option + 4, AO_MAC_BYTES);
}

/* RFC 5926 3.1.1.2: a master key of 16 bytes is AES's own; of any other length it is made one, by AES-CMAC under zeros. */
static void test_ao_aes_master_key_of_any_length(void **state)
{
	static const uint8_t zero[16];
	uint8_t key[16], traffic[AO_TRAFFIC_BYTES];
	struct cmac_aes128_ctx cmac;
	struct packet p;

	take(&vectors[8], &p);
	cmac_aes128_set_key(&cmac, zero);
	cmac_aes128_update(&cmac, sizeof(master) - 1, (const uint8_t *)master);
	cmac_aes128_digest(&cmac, 16, key);
	ao_derive(AO_AES_128_CMAC_96, key, 16, &p.context, traffic);
	assert_memory_equal(traffic, p.traffic, 16);
	ao_derive(AO_AES_128_CMAC_96, key, 15, &p.context, traffic);
	assert_memory_not_equal(traffic, p.traffic, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ao_vectors_of_rfc_9235),
		cmocka_unit_test(test_ao_mac_covers_header_and_data),
		cmocka_unit_test(test_ao_mac_depends_on_sne_and_key),
		cmocka_unit_test(test_ao_aes_master_key_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
