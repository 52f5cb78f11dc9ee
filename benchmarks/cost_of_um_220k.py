"""What it would take to put UM-220K through the data engine: sizes, rates and prices, and their products.

python benchmarks/cost_of_um_220k.py

Prints the tables of docs/explanation/cost-of-um-220k.md; a test compares them.
"""

from __future__ import annotations

# Lyu et al., Nature Biomedical Engineering 2026: 221,147 studies, 5.6 M series, 362 M images.
IMAGES = 362e6

# benchmarks/results/2026-11-23-data-engine.md: processor milliseconds an image on one thread, and sizes.
MS_AN_IMAGE = {
    "ingest": 2.04,
    "de-identify": 5.27,
    "read (headers, selection, pixels)": 0.98 + 0.35,
    "cut into patches": 1.36,
}
KB_AN_IMAGE = 189
TOKENS_AN_IMAGE = 4 * 2280 / 1312
BYTES_A_TOKEN = 518.2
MS_A_TOKEN = 16.60

# Estimates: nothing of this was measured on a GPU.
GFLOP_A_TOKEN = 16.48
H100_TFLOPS = 989  # dense bfloat16, NVIDIA's data sheet of the SXM form
SHARES = (0.4, 0.2)

# US dollars, AWS, US East (N. Virginia), on demand, Linux.
CORE_HOUR = 0.0513  # c7a: one core a vCPU, with bfloat16 instructions
H100_HOURS = (6.88, 12.29)  # p5.48xlarge / 8, after and before the reduction of June 2025
S3_GB_MONTH = 0.023
GP3_GB_MONTH = 0.08


def main() -> None:
    """Print the tables."""
    for share in (1.0, 0.5):
        print(f"\n{table(share)}")


def table(share: float) -> str:
    """The table where a share of the images becomes tokens."""
    tokens = share * IMAGES * TOKENS_AN_IMAGE
    rows = [
        f"| {share:.0%} of the images become tokens: {tokens / 1e9:.2f} G tokens | amount | dollars |",
        "|---|---:|---:|",
    ]
    for stage, ms in MS_AN_IMAGE.items():
        of = share if stage == "cut into patches" else 1
        hours = of * IMAGES * ms / 3.6e6
        rows.append(f"| {stage} | {hours:,.0f} core-hours | {hours * CORE_HOUR:,.0f} |")
    hours = tokens * MS_A_TOKEN / 3.6e6
    rows.append(f"| encode on processors | {hours:,.0f} core-hours | {hours * CORE_HOUR:,.0f} |")
    for of_peak in SHARES:
        rate = of_peak * H100_TFLOPS * 1e3 / GFLOP_A_TOKEN
        hours = tokens / rate / 3600
        low, high = (hours * price for price in H100_HOURS)
        rows.append(
            f"| or encode on H100 at {of_peak:.0%} of its peak, {rate:,.0f} tokens/s (estimated) "
            f"| {hours:.0f} H100-hours | {low:,.0f} to {high:,.0f} |"
        )
    images_tb, tokens_tb = IMAGES * KB_AN_IMAGE / 1e9, tokens * BYTES_A_TOKEN / 1e12
    for what, size in (("images, uncompressed, one copy", images_tb), ("tokens, bfloat16", tokens_tb)):
        object_store, disk = (1e3 * size * price for price in (S3_GB_MONTH, GP3_GB_MONTH))
        rows.append(f"| {what} | {size:,.1f} TB | {object_store:,.0f} (S3) or {disk:,.0f} (gp3) a month |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
