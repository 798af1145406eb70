// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/pagevec.h, Linux 6.18.
namespace Linux;

/// <summary>A handful of folios to work on at once.</summary>
internal struct folio_batch
{
    internal byte nr;

    /// <summary>Next one for folio_batch_next().</summary>
    internal byte i;

    /// <summary>The release of this batch emptied the per-CPU queues once; it need not again.</summary>
    internal bool percpu_pvec_drained;
    internal folios_t folios;

    [InlineArray(PagevecH.PAGEVEC_SIZE)]
    internal struct folios_t
    {
        private folio _first;
    }
}

internal static class PagevecH
{
    internal const int PAGEVEC_SIZE = 31;

    internal static void folio_batch_init(out folio_batch fbatch)
    {
        Unsafe.SkipInit(out fbatch);
        fbatch.nr = 0;
        fbatch.i = 0;
        fbatch.percpu_pvec_drained = false;
    }

    internal static void folio_batch_reinit(ref folio_batch fbatch)
    {
        fbatch.nr = 0;
        fbatch.i = 0;
    }

    internal static int folio_batch_count(ref folio_batch fbatch) => fbatch.nr;

    internal static int folio_batch_space(ref folio_batch fbatch) => PAGEVEC_SIZE - fbatch.nr;

    /// <summary>Adds a folio, with the caller's reference; returns how many more fit.</summary>
    internal static int folio_batch_add(ref folio_batch fbatch, [ConsumesReference] folio folio)
    {
        fbatch.folios[fbatch.nr++] = folio;
        return folio_batch_space(ref fbatch);
    }

    /// <summary>The next folio, NULL after the last.</summary>
    internal static folio folio_batch_next(ref folio_batch fbatch) => fbatch.i == fbatch.nr ? default : fbatch.folios[fbatch.i++];

    /// <summary>Drops one reference of each folio and empties the batch.</summary>
    internal static void folio_batch_release(ref folio_batch fbatch)
    {
        if (folio_batch_count(ref fbatch) != 0)
            Swap.__folio_batch_release(ref fbatch);
    }
}
