// SPDX-License-Identifier: GPL-2.0-only
using static Linux.Migrate;

namespace KvmSharp.Mm.Tests;

[TestFixture(Isa.X86_64)]
[TestFixture(Isa.Arm64)]
internal sealed class MigrateTests(Isa isa) : UserTest(isa)
{
    [Test]
    public void AFolioMovesWithItsContentsUnlessSomebodyHoldsItOrNobodyMayReadIt() => Kernel.RunTask(() =>
    {
        inode inode = Linux.Inode.new_inode(Kernel, new super_block { s_type = "test" })!;
        address_space mapping = inode.i_mapping;
        folio src = filemap_grab_folio(mapping, 3);
        memcpy_to_page(src.page, 5, [42]);
        folio_mark_uptodate(src);
        folio dst = folio_alloc(GFP_HIGHUSER_MOVABLE, 0);
        folio_lock(dst);
        lru_add_drain_all();

        folio_get(src);
        Assert.That(move_to_new_folio(dst, src), Is.EqualTo(-EAGAIN), "somebody holds it");
        folio_put(src);
        mapping_set_inaccessible(mapping);
        Assert.That(move_to_new_folio(dst, src), Is.EqualTo(-EOPNOTSUPP), "nobody may read it");
        mapping.flags = 0;
        Assert.That(move_to_new_folio(dst, src), Is.Zero);

        folio_unlock(src);
        folio_unlock(dst);
        folio found = filemap_get_folio(mapping, 3);
        Assert.That(found, Is.EqualTo(dst));
        byte value = 0;
        memcpy_from_page(new Span<byte>(ref value), found.page, 5);
        Assert.That(value, Is.EqualTo(42));
        Assert.That(folio_test_uptodate(found), Is.True);
        folio_put(found);
        folio_put(src);
        folio_put(dst);
        Linux.Inode.iput(inode);
    });
}
