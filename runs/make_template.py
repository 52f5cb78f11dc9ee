"""Make src/prima/simulate/anatomy/packaged/template.npz of the ICBM 152 2009a symmetric maps of the nilearn wheel.

python runs/make_template.py FOLDER     (FOLDER holds mni_icbm152_{t1,gm,wm}_tal_nlin_sym_09a_converted.nii.gz)

Arrays are [z, y, x] in LPS. `gm` and `wm` are uint8 percent of 255 at 1 mm, cropped; the other fields are signed
distances in mm (negative inside), the cranial cavity with the spinal canal and the skin on a lattice of 4 mm, the
ventricles on one of 2 mm. Brain surface, ventricles and tissue come from the maps; skin, face, neck and canal are
modelled here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813

OUT = Path(__file__).parents[1] / "src" / "prima" / "simulate" / "anatomy" / "packaged" / "template.npz"
LATTICE_MM = 4.0
LOW, HIGH = np.array([-148.0, -130.0, -100.0]), np.array([112.0, 138.0, 100.0])  # z, y, x


def load(folder: Path, name: str) -> np.ndarray:
    """[z, y, x] in LPS, first voxel at z -72, y -98, x -98."""
    image = nib.load(folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")
    return np.asarray(image.dataobj).transpose(2, 1, 0)[:, ::-1, ::-1].astype(np.float32)


def smooth(field: np.ndarray, sigma: float) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(field), sigma))


def distance(mask: np.ndarray) -> np.ndarray:
    """Signed mm to the border, negative inside."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    return sitk.GetArrayFromImage(
        sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    )


def ellipsoid(p: list[np.ndarray], centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    """Approximate signed distance; x, y, z order."""
    q = np.sqrt(sum(((a - c) / r) ** 2 for a, c, r in zip(p, centre, radii, strict=True)))
    return (q - 1) * min(radii)


def capsule(p: list[np.ndarray], a: tuple, b: tuple, radius_a: float, radius_b: float | None = None) -> np.ndarray:
    """Signed distance to a rod from a to b."""
    ab = np.subtract(b, a)
    t = np.clip(sum((x - s) * d for x, s, d in zip(p, a, ab, strict=True)) / (ab @ ab), 0, 1)
    radius = radius_a + t * ((radius_b or radius_a) - radius_a)
    return np.sqrt(sum((x - s - t * d) ** 2 for x, s, d in zip(p, a, ab, strict=True))) - radius


def union(*fields: np.ndarray, blend: float = 6.0) -> np.ndarray:
    """Smooth minimum."""
    result = fields[0]
    for field in fields[1:]:
        h = np.clip(0.5 + 0.5 * (field - result) / blend, 0, 1)
        result = field + (result - field) * h - blend * h * (1 - h)
    return result


def ventricles(csf: np.ndarray, p: list[np.ndarray]) -> np.ndarray:
    """The part of the CSF that hangs together inside boxes around the ventricles."""
    x, y, z = np.abs(p[0]), p[1], p[2]
    boxes = [
        (0, 24, -44, 34, -2, 32),
        (0, 5, -14, 30, -16, 12),
        (13, 38, 20, 80, -10, 26),
        (23, 41, 0, 44, -27, 4),
        (0, 14, 36, 62, -54, -18),
        (0, 3, 26, 42, -24, -4),
    ]
    inside = np.zeros(csf.shape, bool)
    for x0, x1, y0, y1, z0, z1 in boxes:
        inside |= (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1) & (z >= z0) & (z <= z1)
    inside &= ~((x < 3) & (y < -22)) & ~((x < 14) & (y > 33) & (z > -18))
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray((inside & (csf > 0.5)).astype(np.uint8)))
    labels = sitk.GetArrayFromImage(parts)
    sizes = np.bincount(labels.ravel())
    return np.isin(labels, [i for i in range(1, len(sizes)) if sizes[i] > 60])


def folia(p: list[np.ndarray]) -> np.ndarray:
    """Fissures between the leaves of the cerebellum, 4 to 5 mm apart: they run across and fan out from its core."""
    x, y, z = np.abs(p[0]), p[1] - 44, p[2] + 32
    far = np.sqrt(y**2 + z**2)
    bent = 0.035 * x**1.5 + 1.2 * np.sin(x / 5 + z / 7) + 1.5 * np.sin(x / 11 - far / 9)
    phase = (np.arctan2(z, y) * 26 + 0.75 * far + bent) / 4.6
    line = np.clip(1.25 - np.abs(phase - np.rint(phase)) * 4.6, 0, 1)
    inside = np.clip(1 - ellipsoid(p, (0, 60, -38), (54, 38, 30)) / 4, 0, 1) * (far > 12) * (p[1] > 40)
    return line * inside * np.clip((24 + 0.28 * y - 0.42 * x - z) / 4, 0, 1)


def open_grey(gm: np.ndarray) -> np.ndarray:
    """Grey without sheets thinner than 3 mm."""
    image = sitk.GrayscaleErode(sitk.GetImageFromArray(gm), [1, 1, 1])
    return np.minimum(gm, sitk.GetArrayFromImage(sitk.GrayscaleDilate(image, [1, 1, 1])))


def main(folder: Path) -> None:
    t1, gm, wm = (load(folder, name) for name in ("t1", "gm", "wm"))
    gm, wm = gm / 255, wm / 255
    axes = [np.arange(n, dtype=np.float32) + o for n, o in zip(t1.shape, (-72, -98, -98), strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    p = [x, y, z]
    hollow = ventricles(np.clip(1 - gm - wm, 0, 1) * (t1 > 0), p)
    near = distance(hollow)
    ring = (gm - open_grey(gm)) * (near < 3.0)  # partial volume at the ependyma is not grey matter
    gm, wm = gm - ring, wm + ring
    stem = np.clip(1 - ellipsoid(p, (0, 28, -40), (17, 19, 40)) / 2, 0, 1) * (z < -8) * (y < 44)
    gm, wm = gm * (1 - 0.55 * stem), wm + gm * 0.55 * stem
    lines = folia(p) * np.clip(gm * 1.6 - 0.4, 0, 1)
    gm = gm * (1 - 0.45 * lines)

    margin = [(76, 0), (32, 8), (2, 2)]  # room for neck and face
    low = [o - m[0] for o, m in zip((-72, -98, -98), margin, strict=True)]
    brain = np.pad(t1 > 0, margin)
    grid = [np.arange(n, dtype=np.float32) + o for n, o in zip(brain.shape, low, strict=True)]
    z, y, x = np.meshgrid(*grid, indexing="ij")
    p = [x, y, z]
    closed = distance(distance(brain) < 8) + 8
    cavity = smooth(np.minimum(distance(brain), closed), 2.0) - 1.8
    canal = union(capsule(p, (0, 44, -58), (0, 48, -80), 12, 9), capsule(p, (0, 48, -80), (0, 40, -150), 9))
    vault = (
        12.5 + 2.5 * np.clip((y - 60) / 40, 0, 1) * np.clip((20 - z) / 40, 0, 1) - 1.5 * np.clip((z - 50) / 30, 0, 1)
    )
    vault = vault + 2.5 * np.clip((np.abs(x) - 45) / 20, 0, 1) * np.clip((10 - z) / 30, 0, 1) * np.clip(
        (30 - y) / 30, 0, 1
    )
    side = np.abs(x)
    m = [side, y, z]
    skin = union(
        cavity - vault,
        ellipsoid(p, (0, -46, -62), (62, 42, 62)),
        ellipsoid(p, (0, -42, -108), (50, 46, 34)),
        ellipsoid(m, (28, -62, -62), (28, 24, 30)),
        ellipsoid(m, (38, -46, -36), (32, 36, 40)),
        ellipsoid(m, (24, -70, -22), (30, 17, 18)),
        ellipsoid(p, (0, 14, -2), (81, 100, 72)),
        ellipsoid(p, (0, 12, -60), (73, 72, 50)),
        ellipsoid(p, (0, 26, -160), (60, 60, 130)),
        ellipsoid(p, (0, 40, -165), (52, 66, 128)),
        capsule(p, (0, -84, -32), (0, -97, -56), 8, 10),
        capsule(p, (0, -84, -92), (0, -80, -122), 14),
        blend=9.0,
    )
    ear = np.maximum(ellipsoid(m, (82, 22, -44), (7, 17, 30)), -ellipsoid(m, (90, 20, -46), (9, 11, 19)))
    skin = union(skin, ear, blend=3.0)
    skin = union(skin, ellipsoid(m, (32, -65, -38), (17, 16, 15)), blend=3.0)
    cavity = union(cavity, canal, blend=3.0)
    fields = {"cavity": cavity, "skin": smooth(skin.astype(np.float32), 1.0)}
    packed = {name: lattice(field, low).astype(np.float16) for name, field in fields.items()}
    crop = (slice(0, 157), slice(22, 208), slice(24, 173))  # z -72…84, y -76…109, x -74…74
    for name, tissue in (("gm", gm), ("wm", wm)):
        percent = np.clip(np.rint(tissue[crop] * 255), 0, 255)
        packed[name] = np.where(percent < 6, 0, percent).astype(np.uint8)
    fine = smooth(near.astype(np.float32), 0.6)[0:148:2, 2:232:2, 16:182:2]  # z -72…74, y -96…132, x -82…82
    packed["ventricle"] = fine.astype(np.float16)
    np.savez_compressed(
        OUT,
        **packed,
        tissue_origin=np.array([-72, -76, -74]),
        ventricle_origin=np.array([-72, -96, -82]),
        ventricle_mm=np.array(2.0),
        lattice_origin=LOW,
        lattice_mm=np.array(LATTICE_MM),
    )
    print(f"{OUT.name}: {OUT.stat().st_size / 1e6:.2f} MB, ventricles {hollow.sum() / 1000:.1f} ml")


def lattice(field: np.ndarray, low: list[int]) -> np.ndarray:
    """Values at the nodes of the lattice; nodes outside take the nearest value."""
    nodes = [np.arange(lo, hi + 1, LATTICE_MM) for lo, hi in zip(LOW, HIGH, strict=True)]
    index = [np.clip(n - o, 0, size - 1).astype(int) for n, o, size in zip(nodes, low, field.shape, strict=True)]
    return smooth(field.astype(np.float32), 1.0)[np.ix_(*index)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
