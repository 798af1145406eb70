// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class Settings
{
    private static readonly object Gate = new();
    private static volatile Settings? _instance;
    private static readonly Lazy<Settings> Lazily = new(() => new Settings());

    private Settings()
    {
    }

    public static Settings Instance
    {
        get
        {
            if (_instance == null)
            {
                lock (Gate)
                {
                    _instance ??= new Settings();
                }
            }

            return _instance;
        }
    }

    public static Settings Other => Lazily.Value;

    public static Settings Swap(Settings next) => Interlocked.Exchange(ref _instance!, next);
}
